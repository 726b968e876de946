"""`onestop runs`: the runs of a folder as a table."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, get_args

from onestop.errors import UsageError
from onestop.metrics.spec import Metric
from onestop.recipe import Positive
from onestop.recipe.files import read_recipe
from onestop.recipe.signatures import checked
from onestop.results import RunRow
from onestop.runtime.files import read_object
from onestop.storage.run_folder import (
    EPOCHS,
    LOG,
    METRICS,
    RECIPE,
    EpochsFile,
    is_busy,
    is_run,
    state_of,
)
from onestop.storage.run_info import read_info
from onestop.text import did_you_mean, listing

Sort = Literal["when", "name", "network", "data", "best", "epochs", "seconds"]


@dataclass(frozen=True)
class _Listed:
    """A run with everything a list can be sorted by: its row, and the values of its metrics."""

    row: RunRow
    metrics: Mapping[str, Metric]
    values: Mapping[str, float | None]

    def rank(self, name: str) -> float:
        """Larger is better; runs without a value of this metric come last."""
        metric = self.metrics.get(name)
        return metric.rank(self.values[name]) if metric else -math.inf


@checked
def runs(
    folder: str | Path = "runs",
    *,
    sort: Sort | str = "when",
    match: str | None = None,
    top: Positive | None = None,
) -> list[RunRow]:
    """List the runs of a folder: network, data, best metric, progress, start time and duration.

    Args:
        folder: folder that holds runs
        sort: order of the list: newest, best or longest first, text alphabetically; or the name of a
            metric (accuracy, rmse, ...), best first
        match: only runs with this in their name, network or data
        top: list at most this many

    Returns:
        One row per run.

    Raises:
        UsageError: No such folder, one without runs, or no such column or metric to sort by.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name one that holds runs")
    listed = [_listed(path) for path in sorted(folder.iterdir()) if is_run(path)]
    if not listed:
        raise UsageError(f"{folder}: no runs in this folder; onestop train makes them")
    _check_sort(sort, listed)
    if match is not None:
        listed = _matching(match, listed)
    return [run.row for run in _sorted(listed, sort)][:top]


def _check_sort(sort: str, listed: Sequence[_Listed]) -> None:
    """Stop if none of the runs has what they are to be sorted by."""
    known = (*get_args(Sort), *sorted({name for run in listed for name in run.metrics}))
    if sort not in known:
        raise UsageError(
            f"--sort {sort}: not one of {listing(known, 30)}{did_you_mean(sort, known)}"
        )


def _matching(match: str, listed: Sequence[_Listed]) -> list[_Listed]:
    """The runs whose name, network or data contains a text."""
    texts = [f"{run.row.name}\0{run.row.network}\0{run.row.data}".lower() for run in listed]
    matching = [run for run, text in zip(listed, texts, strict=True) if match.lower() in text]
    if not matching:
        near = did_you_mean(match, [run.row.name for run in listed])
        raise UsageError(f"--match {match}: matches none of the {len(listed)} runs{near}")
    return matching


def _sorted(listed: Sequence[_Listed], sort: str) -> list[_Listed]:
    """Runs in order; equal ones by name."""
    by_name = sorted(listed, key=attrgetter("row.name"))
    if sort in ("name", "network", "data"):
        return sorted(by_name, key=attrgetter(f"row.{sort}"))
    if sort == "best":  # lower errors and higher shares first
        return sorted(by_name, key=attrgetter("row.rank"), reverse=True)
    if sort in get_args(Sort):
        return sorted(by_name, key=attrgetter(f"row.{sort}"), reverse=True)
    return sorted(by_name, key=lambda run: run.rank(sort), reverse=True)


def _listed(folder: Path) -> _Listed:
    """A run as its files describe it; missing and damaged ones are ignored."""
    recipe, info = _recipe(folder), read_info(folder)
    final, epochs = read_object(folder / METRICS), _epochs(folder)
    values = {metric.name: _value(metric, final, epochs) for metric in info.metrics}
    done, seconds = _number(final.get("epochs")), _number(final.get("seconds"))
    if seconds is None:
        seconds = _number(epochs[-1]["seconds"]) if epochs else 0.0
    row = RunRow(
        name=folder.name,
        network=str(recipe.get("model") or ""),
        data=str(recipe.get("source") or ""),
        best=values[info.main.name],
        metric=info.main,
        split=str(final.get("split", "")) if final else "val" if epochs else "",
        epochs=len(epochs) if done is None else int(done),
        of=int(recipe.get("epochs") or 0),
        state=state_of(final, busy=is_busy(folder)),
        when=_begun(folder),
        seconds=seconds or 0.0,
    )
    return _Listed(row, {metric.name: metric for metric in info.metrics}, values)


def _value(
    metric: Metric, final: Mapping[str, Any], epochs: Sequence[Mapping[str, str]]
) -> float | None:
    """The final value of a metric; until there is one, the best of the epochs so far."""
    if final:
        return _number(final.get(metric.name))
    values = [_number(row.get(f"val_{metric.name}")) for row in epochs]
    return max((v for v in values if v is not None), key=metric.rank, default=None)


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        return read_recipe(folder / RECIPE)
    except UsageError:
        return {}


def _epochs(folder: Path) -> list[dict[str, str]]:
    try:
        return EpochsFile.read(folder / EPOCHS)
    except OSError:
        return []


def _number(value: object) -> float | None:
    """A number from a file; None if it is not finite or something else."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _begun(folder: Path) -> str:
    """The time of the log's first line, else that of the folder itself."""
    try:
        with (folder / LOG).open(encoding="utf-8", errors="replace") as file:
            return dt.datetime.fromisoformat(file.read(19)).isoformat(" ", "minutes")
    except (OSError, ValueError):
        changed = dt.datetime.fromtimestamp(folder.stat().st_mtime)
        return changed.isoformat(" ", "minutes")
