"""`onestop train`: from a source of images to a run folder with a trained model.

torch is imported inside the functions: a usage error must not wait for it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import UsageError
from onestop.jobs.planning import permitted_for, plan_new, resolve_new, take_network
from onestop.jobs.resume import epochs_done, plan_again, stored_recipe
from onestop.recipe.arguments import checked_fields, takes_fields
from onestop.recipe.files import read_recipe, write_recipe
from onestop.recipe.schema import FIELDS
from onestop.recipe.settings import Settings, settings
from onestop.recipe.signatures import checked
from onestop.results.cost import Estimate
from onestop.results.run import Run
from onestop.runtime.files import write_atomic
from onestop.storage.run_folder import RECIPE, create_run, is_run, lock_run
from onestop.storage.run_info import InfoFile, read_info
from onestop.text import plural
from onestop.tracking import require

if TYPE_CHECKING:
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
    overrides, network = take_network(overrides)
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

    def first(planned: Plan, *words: Any) -> Path:
        from onestop.jobs.first_model import keep_first_model  # with torch

        keep_first_model(folder := create(planned), planned, *words)
        return folder

    planned, bank, folder = plan_new(
        source, recipe, checked, network, quick=quick, quiet=quiet, measured=_budget_needs, first=first
    )  # fmt: skip
    if folder is None:
        folder = create(planned)

    from onestop.jobs.run import run_in

    with lock_run(folder):
        # First: once there is a recipe, the folder is a run, and its values count as set by somebody.
        InfoFile(folder, planned.task.name, planned.task.metrics, planned.whys)
        write_atomic(folder / RECIPE, write_recipe(planned.recipe))
        return run_in(folder, planned, quiet=quiet, report=report, bank=bank)


def _budget_needs(*words: Any) -> Any:
    from onestop.jobs.budget import budget_needs  # with torch, which usage errors do not wait for

    return budget_needs(*words)


@checked
def resolve(source: Any = None, *, recipe: str | Path | None = None, **overrides: Any) -> Settings:
    """Every setting `train` would use, where it came from, and the reasons for derived ones.

    Args:
        source: As `train` takes it, also the folder of a run.
        recipe: YAML file of settings.
        overrides: Any field of `onestop.Recipe`.
    """
    overrides, _ = take_network(overrides)
    checked = checked_fields(overrides, FIELDS)
    if isinstance(source, str | os.PathLike) and is_run(source):
        stored = settings(("recipe", read_recipe(Path(source) / RECIPE)), ("flag", checked))
        return stored.explained(read_info(Path(source)).whys)
    return resolve_new(source, recipe, checked, permitted_for(source, recipe, checked))[0]


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
    overrides, network = take_network(overrides)
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
        planned, _, _ = plan_new(source, recipe, checked, network, settle=False)

    from onestop.jobs.dry_run import estimate

    return estimate(planned, begun=begun, done=done, quiet=quiet)


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
