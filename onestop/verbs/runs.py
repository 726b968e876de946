"""`onestop runs`: the runs of a folder as a table."""

from __future__ import annotations

import datetime as dt
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from onestop.errors import UsageError
from onestop.recipe import Positive
from onestop.recipe.files import read_recipe
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
from onestop.text import did_you_mean

Sort = Literal["when", "name", "network", "data", "best", "epochs", "seconds"]


def runs(
    folder: str | Path = "runs",
    *,
    sort: Sort = "when",
    match: str | None = None,
    top: Positive | None = None,
) -> list[RunRow]:
    """List the runs of a folder: network, data, best figure, how far, when and how long.

    Args:
        folder: folder that holds runs
        sort: order of the list; the newest, best or longest first, names and words by the alphabet
        match: only runs with this in their name, network or data
        top: so many at the most

    Returns:
        A row a run.

    Raises:
        UsageError: No such folder, or one without runs.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name one that holds runs")
    rows = [_row(path) for path in sorted(folder.iterdir()) if is_run(path)]
    if not rows:
        raise UsageError(f"{folder}: no runs in this folder; onestop train makes them")
    if match is not None:
        wanted = match.lower()
        found = [r for r in rows if wanted in f"{r.name}\0{r.network}\0{r.data}".lower()]
        if not found:
            near = did_you_mean(match, [row.name for row in rows])
            raise UsageError(f"--match {match}: none of the {len(rows)} runs is like that{near}")
        rows = found
    rows.sort(key=attrgetter("name"))
    if sort in ("name", "network", "data"):
        rows.sort(key=attrgetter(sort))
    elif sort == "best":
        # Errors are better small and shares large; runs without a figure come last.
        rows.sort(key=lambda row: row.rank, reverse=True)
    else:
        rows.sort(key=attrgetter(sort), reverse=True)
    return rows[:top]


def _row(folder: Path) -> RunRow:
    """What the files of a run say of it; those that are missing or damaged say nothing."""
    recipe = _recipe(folder)
    metrics = read_object(folder / METRICS)
    epochs = EpochsFile.read(folder / EPOCHS) if (folder / EPOCHS).is_file() else []
    figure = "accuracy" if _is_told(epochs, metrics, "accuracy") else "rmse"
    if metrics:
        best, split = metrics.get(figure), str(metrics.get("split", ""))
    else:
        best, split = _best_so_far(epochs, figure), "val" if epochs else ""
    return RunRow(
        name=folder.name,
        network=str(recipe.get("model") or ""),
        data=str(recipe.get("source") or ""),
        best=best,
        figure=figure,
        split=split,
        epochs=int(metrics.get("epochs", len(epochs))),
        of=int(recipe.get("epochs") or 0),
        state=state_of(metrics, busy=is_busy(folder)),
        when=_begun(folder),
        seconds=float(metrics.get("seconds") or (epochs[-1]["seconds"] if epochs else 0)),
    )


def _recipe(folder: Path) -> dict[str, Any]:
    try:
        return read_recipe(folder / RECIPE)
    except UsageError:
        return {}


def _is_told(epochs: list[dict[str, str]], metrics: dict[str, Any], figure: str) -> bool:
    """Whether a run's figures have one of that name; one of which nothing is known yet might."""
    if metrics:
        return figure in metrics
    return not epochs or any(
        row.get(f"{part}_{figure}") for row in epochs for part in ("val", "train")
    )


def _best_so_far(epochs: list[dict[str, str]], figure: str) -> float | None:
    if figure == "accuracy":
        found = [float(row["val_accuracy"]) for row in epochs if row.get("val_accuracy")]
        return max(found, default=None)
    # An epoch's row has the mean of squares, whose root is the figure at the end.
    found = [float(row["val_loss"]) ** 0.5 for row in epochs if row.get("val_loss")]
    return min(found, default=None)


def _begun(folder: Path) -> str:
    """The time of the first line of the log, else of the folder itself."""
    try:
        with (folder / LOG).open(encoding="utf-8", errors="replace") as file:
            return dt.datetime.fromisoformat(file.read(19)).isoformat(" ", "minutes")
    except (OSError, ValueError):
        changed = dt.datetime.fromtimestamp(folder.stat().st_mtime)
        return changed.isoformat(" ", "minutes")
