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
from onestop.metrics.spec import LOSS, Metric
from onestop.reading import open_regular
from onestop.recipe import Positive
from onestop.recipe.files import read_recipe
from onestop.recipe.signatures import checked
from onestop.results.run import RunRow
from onestop.runtime.checked import fits
from onestop.storage.final_metrics import read_metrics
from onestop.storage.model_header import card_in
from onestop.storage.run_folder import (
    EPOCHS,
    LOG,
    MODEL,
    RECIPE,
    EpochsFile,
    has_recipe,
    is_busy,
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
    listed = [run for path in sorted(folder.iterdir()) if (run := _look_at(path))]
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


def _look_at(folder: Path) -> _Listed | None:
    """A row for a run, or for a folder that cannot be read; None for anything else."""
    try:
        return _listed(folder) if has_recipe(folder) else None
    except OSError:
        row = RunRow(folder.name, "", "", None, LOSS, "", 0, 0, "unreadable", "", 0.0)
        return _Listed(row, {}, {})


def _listed(folder: Path) -> _Listed:
    """A run as its files describe it; missing and damaged ones are ignored."""
    recipe, info = _recipe(folder), read_info(folder)
    final = read_metrics(folder, info.metrics).values
    epochs = EpochsFile.read(folder / EPOCHS)
    best = final or _of_network(folder, info.metrics, epochs)
    values = {metric.name: best.get(metric.name) for metric in info.metrics}
    seconds = final.get("seconds")
    if seconds is None:
        seconds = _number(epochs[-1]["seconds"]) if epochs else 0.0
    row = RunRow(
        name=folder.name,
        network=str(recipe.get("model") or ""),
        data=str(recipe.get("source") or ""),
        best=values[info.main.name],
        metric=info.main,
        split=str(best.get("split", "")),
        epochs=final.get("epochs", len(epochs)),
        of=int(recipe.get("epochs") or 0),
        state=state_of(final, busy=is_busy(folder)),
        when=_begun(folder),
        seconds=seconds or 0.0,
    )
    return _Listed(row, {metric.name: metric for metric in info.metrics}, values)


def _of_network(
    folder: Path, metrics: Sequence[Metric], epochs: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """The metrics of the best network so far, and the split that they are of.

    The model file has them; metrics.csv can be an epoch ahead of it if the process was killed. If there
    is no model file, they are the best of all epochs.
    """
    stored = card_in(folder / MODEL).get("metrics")
    stored = stored if isinstance(stored, dict) else {}
    if "split" in stored:  # the network of an earlier end of the run
        kept = {m.name: stored[m.name] for m in metrics if fits(float, stored.get(m.name))}
        return {**kept, "split": str(stored["split"])}
    rows = [row for row in epochs if row.get("epoch") == str(stored.get("epoch"))]
    if stored and not rows:  # its row is damaged
        rows = [{name: str(value) for name, value in stored.items() if fits(float, value)}]
    best: dict[str, Any] = {"split": "val" if epochs else ""}
    for metric in metrics:
        cells = [_number(row.get(f"val_{metric.name}")) for row in rows or epochs]
        if values := [value for value in cells if value is not None]:
            best[metric.name] = max(values, key=metric.rank)
    return best


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        return read_recipe(folder / RECIPE)
    except UsageError:
        return {}


def _number(cell: str | None) -> float | None:
    """A number from metrics.csv; None if it is missing or not finite."""
    return number if cell and math.isfinite(number := float(cell)) else None


def _begun(folder: Path) -> str:
    """The time of the log's first line, else that of the folder itself."""
    try:
        with open_regular(folder / LOG) as file:
            begun = file.read(19).decode("ascii", "replace")
        return dt.datetime.fromisoformat(begun).isoformat(" ", "minutes")
    except (OSError, ValueError):
        changed = dt.datetime.fromtimestamp(folder.stat().st_mtime)
        return changed.isoformat(" ", "minutes")
