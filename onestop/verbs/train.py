"""`onestop train`: from a source of images to a run folder with a trained model.

torch is imported inside the functions: a usage error must not wait for it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import OneStopError, UsageError
from onestop.images.pixel_range import parsed
from onestop.jobs.permission import Downloads, is_in_run, permitted
from onestop.jobs.resume import epochs_done, plan_again, stored_recipe
from onestop.recipe.arguments import checked_fields, takes_fields
from onestop.recipe.files import read_recipe, write_recipe
from onestop.recipe.markers import flag
from onestop.recipe.names import canonical, names_code
from onestop.recipe.schema import FIELDS
from onestop.recipe.settings import Layer, Settings, refuse_useless, settings
from onestop.recipe.signatures import checked
from onestop.results.cost import Estimate
from onestop.results.run import Run
from onestop.runtime.files import write_atomic
from onestop.storage.own_files import remains
from onestop.storage.run_folder import RECIPE, create_run, is_run, lock_run
from onestop.storage.run_info import InfoFile, read_info
from onestop.text import plural
from onestop.tracking import require

if TYPE_CHECKING:
    from onestop.data.dataset import Dataset
    from onestop.networks.catalog import Entry
    from onestop.training.plan import Plan
    from onestop.training.probe.features import FeatureBank
    from onestop.training.probe.strength import Chosen, Examples


@takes_fields(*(field for field in FIELDS if field != "source"))
@checked
def train(
    source: Any = None,
    *,
    recipe: str | Path | None = None,
    resume: str | Path | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    quiet: bool = False,
    quick: bool = False,
    no_report: bool = False,
    allow_inexact_resume: bool = False,
    **overrides: Any,
) -> Run:
    """Train a network on images, or resume a run.

    If SOURCE is the folder of an earlier run, that run continues where it stopped; with more epochs, a
    finished run is extended.

    Args:
        source: what to train on: `digits`, a torchvision data set by name (mnist, cifar10, ...), a
            folder of classes, a folder with train/ val/ test/, a CSV or Parquet table of paths and
            labels, or the folder of a run to resume; in Python also arrays, torch data sets, or a
            mapping of splits to these (default: digits)
        recipe: YAML file of settings; flags take precedence over it
        resume: folder of a run to resume, the same as naming it as SOURCE
        out: folder that holds the runs
        name: name of the run's folder; -2, -3, ... is appended if it exists (default:
            source-network)
        quiet: print no progress
        quick: stop after the probe: a linear head on the features of pretrained weights, in seconds
        no_report: do not write report.html at the end (for all runs: ONESTOP_REPORT=0)
        allow_inexact_resume: resume a run that was begun with other hardware, libraries or numbers of
            threads, although its last bits will differ; metrics.json records it
        overrides: any field of `onestop.Recipe`

    Returns:
        The run, with its folder, metrics and model.

    Raises:
        OneStopError: A wrong setting or source, before any work; or what stopped the run.
    """
    overrides, network = _take_network(overrides)
    checked = checked_fields(overrides, FIELDS)
    report = not no_report and os.environ.get("ONESTOP_REPORT") != "0"
    if resume is None and isinstance(source, str | os.PathLike) and is_run(source):
        source, resume = None, source
    if resume is not None:
        if name is not None or str(out) != "runs":
            raise UsageError(f"{resume}: a run stays in its own folder; drop --out and --name")
        return _resume(
            Path(resume), source, recipe, checked, network,
            quiet=quiet, report=report, inexact=allow_inexact_resume,
        )  # fmt: skip

    def create(planned: Plan) -> Path:
        return create_run(
            out, name or _default_name(planned.recipe.data.source, planned.entry.name)
        )

    planned, bank, folder = _plan_new(
        source, recipe, checked, network, quick=quick, quiet=quiet, create=create
    )
    if folder is None:
        folder = create(planned)

    from onestop.jobs.run import run_in

    with lock_run(folder):
        # First: once there is a recipe, the folder is a run, and its values count as set by somebody.
        InfoFile(folder, planned.task.name, planned.task.metrics, planned.whys)
        write_atomic(folder / RECIPE, write_recipe(planned.recipe))
        return run_in(folder, planned, quiet=quiet, report=report, bank=bank)


@checked
def resolve(source: Any = None, *, recipe: str | Path | None = None, **overrides: Any) -> Settings:
    """Every setting `train` would use, where it came from, and the reasons for derived ones.

    Args:
        source: As `train` takes it, also the folder of a run.
        recipe: YAML file of settings.
        overrides: Any field of `onestop.Recipe`.
    """
    overrides, _ = _take_network(overrides)
    checked = checked_fields(overrides, FIELDS)
    if isinstance(source, str | os.PathLike) and is_run(source):
        stored = settings(("recipe", read_recipe(Path(source) / RECIPE)), ("flag", checked))
        return stored.explained(read_info(Path(source)).whys)
    return _resolve(source, recipe, checked, _permitted(source, recipe, checked))[0]


@checked
def dry_run(
    source: Any = None,
    *,
    recipe: str | Path | None = None,
    resume: str | Path | None = None,
    quiet: bool = False,
    **overrides: Any,
) -> Estimate:
    """Estimate the cost of `train` with the same arguments from a few steps; nothing is written.

    Args:
        source: As `train` takes it, also the folder of a run, for the cost of its remaining epochs.
        recipe: YAML file of settings.
        resume: Folder of a run, the same as naming it as `source`.
        quiet: Print no notes.
        overrides: Any field of `onestop.Recipe`.

    Raises:
        OneStopError: What `train` would stop with before or in its first steps.
    """
    begun = time.perf_counter()
    overrides, network = _take_network(overrides)
    checked, done = checked_fields(overrides, FIELDS), 0
    if resume is None and isinstance(source, str | os.PathLike) and is_run(source):
        source, resume = None, source
    if resume is not None:
        stored, allowed = stored_recipe(Path(resume), recipe, checked, source=source is not None)
        require(stored.machine.track)
        planned = plan_again(Path(resume), stored, source, network, allowed)
        done = epochs_done(Path(resume), stored.optim.epochs)
        if done == stored.optim.epochs:
            raise UsageError(
                f"{resume}: has done all of its {plural(done, 'epoch')}, so nothing is left to "
                "estimate; ask for more with --epochs"
            )
    else:
        planned, _, _ = _plan_new(source, recipe, checked, network)

    from onestop.jobs.dry_run import estimate

    return estimate(planned, begun=begun, done=done, quiet=quiet)


def _take_network(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """The overrides with a network object replaced by its name, and that network or None."""
    for spelled, value in overrides.items():
        if canonical(spelled) == "model" and callable(value):
            from onestop.networks.custom import name_of

            return {**overrides, spelled: name_of(value)}, value
    return dict(overrides), None


def _permitted(source: Any, recipe: str | Path | None, named: Mapping[str, Any]) -> Downloads:
    """What may be downloaded: all, unless the settings come from the recipe in a run folder."""
    if recipe is None or not is_in_run(recipe):
        return Downloads()
    folder = Path(recipe).parent
    return permitted(folder, read_recipe(recipe), named, source=source is not None)


def _resolve(
    source: Any, recipe: str | Path | None, overrides: dict[str, Any], allowed: Downloads,
    needs: Mapping[str, tuple[object, str]] = {},
) -> tuple[Settings, Dataset, Entry]:  # fmt: skip
    """The settings, the data and the network; `needs` are settings that turned out to be needed."""
    layers: list[tuple[Layer, Mapping[str, object]]] = []
    if recipe is not None:
        layers.append(("file", _without_stale_digest(read_recipe(recipe), overrides)))
    data = source
    if isinstance(source, str | os.PathLike):
        overrides = {**overrides, "source": os.fspath(source)}
    layers.append(("flag", overrides))
    partial = _with_needs(settings(*layers), needs)
    values = partial.values
    refuse_useless(partial)
    require(values["track"])
    if source is None or isinstance(source, str | os.PathLike):
        data = values["source"]

    from onestop.data import as_recorded, open_data
    from onestop.data.dataset import facts
    from onestop.data.pixel_values import count_pixel_values, range_notes
    from onestop.data.sources.python import NAME
    from onestop.runtime.device import cores
    from onestop.training.defaults import derive

    dataset = open_data(
        data, root=values["data_root"], download=allowed.data, **as_recorded(values)
    )
    if data is not values["source"]:
        named: tuple[Layer, Mapping[str, object]] = ("flag", {"source": NAME})
        partial = _with_needs(settings(*layers, named), needs)
    partial = _with_network_of_weights(partial)
    counts = count_pixel_values(dataset.splits["train"], cores())
    info = dataclasses.replace(facts(dataset), values=counts)
    resolved, entry = derive(partial, info, download=allowed.weights)
    found = resolved.origins["pixel_range"].layer == "derived"
    notes = range_notes(info.values, parsed(resolved.values["pixel_range"]), found=found)
    return resolved, dataset.with_splits(dataset.splits, *notes), entry


def _with_network_of_weights(partial: Settings) -> Settings:
    """With the network that a file or a run of initial weights is for, if nobody names one."""
    from onestop.inference.identify import network_of
    from onestop.inference.published import is_tag
    from onestop.storage.model_file import model_path

    weights = partial.values.get("weights", "none")
    if "model" in partial.values or weights == "none" or is_tag(weights):
        return partial
    try:
        network = network_of(model_path(weights))
    except OneStopError:
        return partial  # what is wrong is said when it is read for the network of the rules
    if names_code(network):
        return partial
    return partial.derive("model", network, f"{weights} is for it")


def _without_stale_digest(
    recipe: dict[str, Any], overrides: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A recipe, without the hash of its initial weights if the flags name others."""
    if {"model", "weights"} & overrides.keys():
        return {name: value for name, value in recipe.items() if name != "weights_digest"}
    return recipe


def _with_needs(partial: Settings, needs: Mapping[str, tuple[object, str]]) -> Settings:
    """The settings with those that the network turned out to need; `choose` asks for such a need."""
    for name, (value, why) in needs.items():
        if partial.origins[name].layer != "default" and partial.values.get(name) != "choose":
            raise UsageError(f"{flag(name, partial.values[name])}: {why}; leave it out")
        partial = partial.derive(name, value, why)
    return partial


def _plan_new(
    source: Any, recipe: str | Path | None, checked: dict[str, Any], network: Any, *,
    quick: bool = False, quiet: bool = True, create: Callable[[Plan], Path] | None = None,
) -> tuple[Plan, FeatureBank, Path | None]:  # fmt: skip
    """The plan of a new run, the features of its training images that are known, and its folder.

    What only the images or a measurement can tell is settled only if the run is to begin: if `create`
    can create its folder, which is done here if there is a first model before that is settled.
    """
    if isinstance(source, str | Path) and (problem := remains(Path(source))):
        raise UsageError(f"{source}: {problem}")
    begun, needs = time.perf_counter(), dict[str, tuple[object, str]]()
    allowed = _permitted(source, recipe, checked)
    planned = _planned(source, recipe, checked, network, allowed, needs, quick=quick)

    from onestop.display.progress import Watcher
    from onestop.jobs.budget import budget_needs
    from onestop.jobs.first_model import keep_first_model
    from onestop.jobs.view import view_needs
    from onestop.training.probe.features import bank_for

    bank, say, folder = bank_for(planned), Watcher(quiet=quiet).say, list[Path]()

    def keep(examples: Examples, chosen: Chosen) -> None:
        assert create is not None
        folder.append(create(planned))
        keep_first_model(folder[0], planned, bank, examples, chosen, begun, say)

    while missing := planned.otherwise or (
        create is not None
        and (
            view_needs(planned, bank, begun, say, keep) or budget_needs(planned, needs, begun, say)
        )
    ):
        needs |= missing
        planned = _planned(source, recipe, checked, network, allowed, needs, quick=quick)
        if planned.engine != bank.engine:  # features in another precision are other features
            bank = bank_for(planned)
    return planned, bank, folder[0] if folder else None


def _planned(
    source: Any, recipe: str | Path | None, checked: dict[str, Any], network: Any,
    allowed: Downloads, needs: Mapping[str, tuple[object, str]], *, quick: bool = False,
) -> Plan:  # fmt: skip
    resolved, dataset, entry = _resolve(source, recipe, checked, allowed, needs)
    if quick:
        resolved = _quick(resolved)

    from onestop.training.plan import plan

    download = allowed.weights
    return plan(resolved.recipe, entry, dataset, network, resolved.whys, download=download)


def _quick(resolved: Settings) -> Settings:
    """The settings with no epochs after the probe."""
    if resolved.values["probe"] == "none":
        why = resolved.origins["probe"].why or "--probe none"
        raise UsageError(f"--quick: there is no probe ({why}); name weights with --weights")
    if resolved.given("epochs"):
        raise UsageError(f"--quick: is --epochs 0, not {resolved.values['epochs']}; drop one")
    return resolved.derive("epochs", 0, "--quick keeps the probe")


def _default_name(source: str, network: str) -> str:
    plain = "" if source.startswith("(") else Path(source).stem
    plain = "".join(c for c in plain if c.isalnum() or c in "-_.").strip(".-")
    network = network.rpartition(".py:")[2].rpartition(" ")[2]  # a custom network's class
    return f"{plain or 'data'}-{Path(network).name}"


def _resume(
    folder: Path, source: Any, recipe: str | Path | None, flags: dict[str, Any], network: Any, *,
    quiet: bool, report: bool, inexact: bool,
) -> Run:  # fmt: skip
    """Continue a run from its newest state, or from the start if it has none."""
    stored, allowed = stored_recipe(folder, recipe, flags, source=source is not None)
    require(stored.machine.track)
    plan = plan_again(folder, stored, source, network, allowed)

    from onestop.jobs.run import run_in

    with lock_run(folder):
        epochs_done(folder, stored.optim.epochs)
        return run_in(folder, plan, quiet=quiet, report=report, inexact=inexact)
