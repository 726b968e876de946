"""Resuming a run: what may change, and bringing a session to the newest state of the run.

No import of torch until a state is read: a setting that may not change is refused without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError, UsageError
from onestop.jobs.permission import Downloads, permitted
from onestop.recipe.files import read_recipe
from onestop.recipe.markers import flag
from onestop.recipe.names import names_code
from onestop.recipe.schema import DEFAULTS, FIELDS, free_fields, later_fields
from onestop.recipe.settings import settings
from onestop.storage.own_files import require_own
from onestop.storage.run_folder import MODEL, RECIPE, STATE, require_run
from onestop.storage.run_info import read_info
from onestop.text import listing

if TYPE_CHECKING:
    from onestop.recipe import Recipe
    from onestop.training.checkpoint import States
    from onestop.training.plan import Plan
    from onestop.training.setup import Session


def stored_recipe(
    folder: Path, recipe: str | Path | None, flags: Mapping[str, Any], *, source: bool = False
) -> tuple[Recipe, Downloads]:
    """The recipe of a run, with what may change of it, and what may be downloaded for it.

    Args:
        folder: Of the run.
        recipe: A recipe file that was named; there must be none.
        flags: Settings to change, checked.
        source: Whether the data come from Python.

    Raises:
        UsageError: Not a run folder, a run of an earlier version that lacks settings, a setting
            that may not change, or something that only the user may name (see `permitted`).
    """
    require_run(folder)
    require_own(folder)
    if recipe is not None:
        raise UsageError(
            f"--recipe {recipe}: a run is resumed with its own recipe; start a new run instead"
        )
    stored = {**later_fields(), **read_recipe(folder / RECIPE)}
    if missing := [
        n for n in FIELDS if n not in stored or (stored[n] is None and n not in DEFAULTS)
    ]:
        raise UsageError(
            f"{folder / RECIPE}: lacks {listing(missing, 3)}, so another version of OneStop began this "
            f"run; resume it with that version, or start a new run with --weights {folder}"
        )
    changes = {name: value for name, value in flags.items() if value is not None}  # auto: as it was
    for name, value in changes.items():
        if value != stored[name] and not _may_change(name, value, stored):
            raise UsageError(
                f"{flag(name, value)}: {folder} was begun with {stored[name]}; only "
                f"{listing(free_fields())} may change; for anything else start a new run, "
                f"with --weights {folder} to start from its weights"
            )
    allowed = permitted(folder, stored, changes, source=source)
    return settings(("recipe", stored), ("flag", changes)).recipe, allowed


def plan_again(folder: Path, recipe: Recipe, source: Any, network: Any, allowed: Downloads) -> Plan:
    """The plan of a run, from its recipe.

    Args:
        folder: Of the run.
        recipe: See `stored_recipe`.
        source: The data, if they come from Python; None opens what the recipe names.
        network: The network, if it comes from Python.
        allowed: What may be downloaded.
    """
    from onestop.data import as_recorded, is_source, open_data
    from onestop.data.sources.python import NAME
    from onestop.networks import find
    from onestop.training.plan import plan

    if source is None and recipe.data.source == NAME:
        raise UsageError(
            f"{folder}: was trained on data from Python; pass it again: "
            f"onestop.train(data, resume={str(folder)!r})"
        )
    if source is None and not is_source(str(recipe.data.source)):
        raise DataError(
            f"{recipe.data.source}: the data of {folder} are not there any more; name where they are "
            f"now: onestop train SOURCE --resume {folder}"
        )
    dataset = open_data(
        recipe.data.source if source is None else source,
        root=recipe.data.data_root,
        download=allowed.data,
        **as_recorded(recipe.values()),
    )
    entry, whys = find(recipe.network.model), read_info(folder).whys
    return plan(recipe, entry, dataset, network, whys, download=allowed.weights)


def epochs_done(folder: Path, epochs: int) -> int:
    """The epochs that a run has finished.

    Raises:
        UsageError: There are more than `epochs`, which is what the run is to have.
    """
    from onestop.training.checkpoint import States

    state = States(folder / STATE).newest()
    done: int = 0 if state is None else state.about.get("done", 0)
    if epochs < done:
        raise UsageError(f"--epochs {epochs}: {folder} has done {done} already; ask for more")
    return done


def restore(folder: Path, session: Session, states: States, *, inexact: bool) -> dict[str, Any]:
    """Bring a session to the newest state of its run, if there is one; what the next states belong to.

    Args:
        folder: Of the run.
        session: Freshly set up; changed in place.
        states: Of the run.
        inexact: Whether a state of other arithmetic (hardware, libraries, threads) may be continued.

    Raises:
        DataError: The data have changed.
        UsageError: The arithmetic is another one.
    """
    from onestop.runtime.fingerprint import differences
    from onestop.training.checkpoint import restore_state

    made_with, epochs = dict(session.card.made_with), session.recipe.optim.epochs
    about: dict[str, Any] = {
        "data": session.card.data["fingerprint"], "content": session.card.data.get("content", ""),
        "epochs": epochs, "done": 0, "made_with": made_with, "inexact": [], "trial": [],
    }  # fmt: skip
    saved = states.newest()
    if saved is None:
        if session.plan.other_weights:
            raise UsageError(session.plan.other_weights)
        return about
    # States of earlier versions know only names and sizes of the images.
    kind = "content" if saved.about.get("content") else "data"
    if saved.about.get(kind) != about[kind]:
        raise DataError(
            f"{session.plan.dataset.name}: has changed since {folder} was begun; put the old images "
            f"back, or start a new run with --weights {folder}"
        )
    about["inexact"] = list(saved.about.get("inexact", ()))
    about["trial"] = list(saved.about.get("trial", ()))
    if other := differences(saved.about.get("made_with", made_with), made_with):
        if not inexact:
            raise UsageError(
                f"{folder}: was computed with {other}, so the last bits of what follows would differ; "
                "resume it where it was begun, or here with --allow-inexact-resume"
            )
        about["inexact"].append(f"after step {saved.header['progress']['step']:,}: {other}")
    restore_state(saved, session.training, _summed(session))
    if session.training.progress.any_model:
        _require_best(folder, session)
    if epochs > saved.about.get("epochs", 0):
        session.training.progress.stopped_early = False
    return about


def _summed(session: Session) -> set[str]:
    return {metric.name for metric in session.task.metrics if metric.training}


def _require_best(folder: Path, session: Session) -> None:
    """See that the best network so far is there: the end of the run needs it if none is better."""
    from onestop.networks.partial_load import misfit
    from onestop.storage.model_file import model_path, read_weights

    lost = "it is the best network of this run; put a copy of it back, or start a new run"
    try:
        problem = misfit(session.training.network, read_weights(model_path(folder)))
    except UsageError as error:
        raise UsageError(f"{error}; {lost}") from None
    if problem:
        raise UsageError(f"{folder / MODEL}: {problem}; {lost}")


def _may_change(name: str, value: object, stored: Mapping[str, object]) -> bool:
    """Whether another value changes no step; `cache` matters only if cached images are smaller.

    The code of one's own network may have moved; whether it fits is seen when the state is read.
    """
    if name == "model":
        return names_code(str(value)) and names_code(str(stored["model"]))
    if name == "cache":
        return stored["augment"] != "resized-crop" or "none" not in (value, stored["cache"])
    return name in free_fields()
