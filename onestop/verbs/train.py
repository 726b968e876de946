"""`onestop train`: from a source of images to a run folder with a trained model.

torch is imported inside the functions: a usage error must not wait for it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import UsageError
from onestop.images.pixel_range import parsed
from onestop.jobs.permission import Downloads, is_in_run, permitted
from onestop.jobs.resume import epochs_done, plan_again, stored_recipe
from onestop.recipe.arguments import checked_fields, takes_fields
from onestop.recipe.files import read_recipe, write_recipe
from onestop.recipe.names import canonical
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
    planned = _plan_new(source, recipe, checked, network)

    from onestop.jobs.run import run_in

    folder = create_run(out, name or _default_name(planned.recipe.data.source, planned.entry.name))
    with lock_run(folder):
        # First: once there is a recipe, the folder is a run, and its values count as set by somebody.
        InfoFile(folder, planned.task.name, planned.task.metrics, planned.whys)
        write_atomic(folder / RECIPE, write_recipe(planned.recipe))
        return run_in(folder, planned, quiet=quiet, report=report)


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
        planned = _plan_new(source, recipe, checked, network)

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
    source: Any, recipe: str | Path | None, overrides: dict[str, Any], allowed: Downloads
) -> tuple[Settings, Dataset, Entry]:
    layers: list[tuple[Layer, Mapping[str, object]]] = []
    if recipe is not None:
        layers.append(("file", read_recipe(recipe)))
    data = source
    if isinstance(source, str | os.PathLike):
        overrides = {**overrides, "source": os.fspath(source)}
    layers.append(("flag", overrides))
    partial = settings(*layers)
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
        partial = settings(*layers, ("flag", {"source": NAME}))
    counts = count_pixel_values(dataset.splits["train"], cores())
    info = dataclasses.replace(facts(dataset), values=counts)
    resolved, entry = derive(partial, info)
    found = resolved.origins["pixel_range"].layer == "derived"
    notes = range_notes(info.values, parsed(resolved.values["pixel_range"]), found=found)
    return resolved, dataset.with_splits(dataset.splits, *notes), entry


def _plan_new(
    source: Any, recipe: str | Path | None, checked: dict[str, Any], network: Any
) -> Plan:
    if isinstance(source, str | Path) and (problem := remains(Path(source))):
        raise UsageError(f"{source}: {problem}")
    allowed = _permitted(source, recipe, checked)
    resolved, dataset, entry = _resolve(source, recipe, checked, allowed)

    from onestop.training.plan import plan

    download = allowed.weights
    return plan(resolved.recipe, entry, dataset, network, resolved.whys, download=download)


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
