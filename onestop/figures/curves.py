"""Training curves: losses, metrics and learning rate per epoch, and a breakdown of time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from onestop.figures.style import (
    BLUE,
    COLORS,
    GREEN,
    GREY,
    ORANGE,
    new_figure,
    plain,
    tick_names,
)
from onestop.metrics.spec import LOSS, Metric

Rows = Sequence[Mapping[str, str]]
"""The rows of metrics.csv."""
RATE = "lr"
"""The panel of the learning rate."""


def panels_of(metrics: Sequence[Metric]) -> list[str]:
    """The default panels: the loss, the first metric and the learning rate."""
    return list(dict.fromkeys((LOSS.name, *(metric.name for metric in metrics[:1]), RATE)))


def curves(
    rows: Rows,
    metrics: Sequence[Metric],
    best_epoch: int = 0,
    panels: Sequence[str] | None = None,
) -> Figure:
    """Training and validation metrics and the learning rate per epoch.

    Args:
        rows: The rows of metrics.csv.
        metrics: The metrics of the run's task.
        best_epoch: The epoch whose weights were saved, counted from 1; 0 if unknown.
        panels: Names of metrics, and `lr`; by default those of `panels_of`.
    """
    panels = panels_of(metrics) if panels is None else panels
    by_name = {metric.name: metric for metric in (LOSS, *metrics)}
    figure = new_figure(3.1 * len(panels), 2.9)
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        if panel == RATE:
            _rate_panel(axes, rows)
        else:
            _panel(axes, rows, by_name[panel], best_epoch)
    return figure


def compared(runs: Mapping[str, Rows], metric: Metric, part: str) -> Figure:
    """A metric of several runs per epoch, by run name; `part` is `train` or `val`."""
    figure = new_figure(3.1, 2.9)
    axes = _axes_by_epoch(figure.add_subplot(), f"{part} {metric.title}", metric)
    for (name, rows), color in zip(runs.items(), itertools.cycle(COLORS), strict=False):
        _line(axes, rows, f"{part}_{metric.name}", tick_names([name], 24)[0], color)
    axes.legend(fontsize=8, frameon=False)
    return figure


def _rate_panel(axes: Axes, rows: Rows) -> None:
    _line(_axes_by_epoch(axes, "learning rate"), rows, RATE, "learning rate", GREY)


def _panel(axes: Axes, rows: Rows, metric: Metric, best_epoch: int) -> None:
    _axes_by_epoch(axes, metric.title, metric)
    _line(axes, rows, f"train_{metric.name}", "training", BLUE)
    _line(axes, rows, f"val_{metric.name}", "validation", ORANGE)
    if best_epoch:
        axes.axvline(best_epoch, color=GREEN, linewidth=1, linestyle=":", label="best epoch")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)


def _axes_by_epoch(axes: Axes, title: str, metric: Metric = LOSS) -> Axes:
    """Set up axes with epochs on x, and percent on y if the metric is a fraction."""
    plain(axes, title, "epoch")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if metric.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return axes


def _line(axes: Axes, rows: Rows, key: str, label: str, color: str) -> None:
    """Draw a curve if any epoch has a value; with markers for few epochs, since one has no line."""
    points = [(int(row["epoch"]), float(row[key])) for row in rows if row.get(key)]
    if points:
        mark = "o" if len(points) <= 20 else None
        x, y = zip(*points, strict=True)
        axes.plot(x, y, marker=mark, color=color, label=label, markersize=3, linewidth=1.6)


@dataclass(frozen=True)
class Spent:
    """Seconds of a run spent on training steps, waiting for data, and evaluation."""

    computing: float
    waiting: float
    scoring: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.computing + self.waiting + self.scoring


def time_spent(rows: Rows) -> Spent:
    """How the time of the epochs was spent, from the rows of metrics.csv."""
    waiting = scoring = before = 0.0
    for row in rows:
        seconds, scored = float(row["seconds"] or before), float(row.get("scoring") or 0)
        waiting += max(seconds - before - scored, 0.0) * float(row.get("waiting") or 0)
        scoring, before = scoring + scored, seconds
    return Spent(max(before - waiting - scoring, 0.0), waiting, scoring)


def spent_bar(spent: Spent) -> Figure:
    """A stacked bar of the time spent."""
    figure = new_figure(5.4, 1.1)
    axes = figure.add_subplot()
    left, total = 0.0, max(spent.total, 1e-9)
    parts = (
        ("computing", spent.computing, BLUE), ("waiting for images", spent.waiting, ORANGE),
        ("scoring", spent.scoring, GREEN),
    )  # fmt: skip
    for name, seconds, color in parts:
        axes.barh(0, seconds, left=left, color=color, label=f"{name} {seconds / total:.0%}")
        left += seconds
    axes.set_yticks([])
    axes.set_xlim(0, total)
    axes.set_xlabel("seconds", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(
        ncols=3, fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0
    )
    return figure
