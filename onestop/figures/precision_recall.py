"""Precision-recall curves, a panel per class or label."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onestop.figures.style import BLUE, GREY, ORANGE, new_figure, plain, shortened
from onestop.metrics.curve import Curve

PerLabel: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Metrics of each class or label, with `ap`, `recall`, `precision` and `threshold`."""

PANELS = 8
"""Maximum number of classes or labels with a curve."""
_COLUMNS = 4
_LEGEND = 3.6  # width of the legend in inches


def weakest_labels(per_label: PerLabel, most: int = PANELS) -> list[str]:
    """The labels with the lowest average precision, lowest first; labels without images are left out.

    Args:
        per_label: Metrics of all labels.
        most: Maximum number of labels.
    """
    measured = [name for name, row in per_label.items() if row["ap"] is not None]
    return sorted(measured, key=lambda name: float(per_label[name]["ap"]))[:most]


def precision_recall_figure(
    curves: Mapping[str, Curve], per_label: PerLabel, most: int = PANELS, *, chance: bool = True
) -> Figure:
    """Precision-recall curves of the labels with the lowest average precision, one panel per label.

    Args:
        curves: Curves by label; only those of `weakest_labels` are needed.
        per_label: Metrics of all labels.
        most: Maximum number of panels.
        chance: Whether the last point of a curve is what random scores reach.
    """
    shown = [name for name in weakest_labels(per_label, most) if name in curves]
    columns = max(1, min(_COLUMNS, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    figure = new_figure(max(2.3 * columns + 0.3, _LEGEND), 2.2 * rows + 0.5)
    if not shown:
        figure.text(0.5, 0.5, "no label has positive images", ha="center", va="center", fontsize=9)
        return figure
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, name in zip(panels.flat, shown, strict=False):
        _panel(axes, name, curves[name], per_label[name], chance=chance)
    _name_axes(panels, len(shown))
    _legend(figure, panels.flat[0])
    return figure


def _panel(axes: Axes, name: str, curve: Curve, row: Mapping[str, Any], *, chance: bool) -> None:
    """The curve of one label, the point of its threshold, and the precision of random scores."""
    plain(axes, f"{shortened(name, 14)}  AP {row['ap']:.1%}")
    # At the last point the label is predicted for all images: precision is the fraction of positives.
    if chance and len(curve.precision):
        axes.axhline(
            curve.precision[-1], color=GREY, linestyle="--", linewidth=1, label="random scores"
        )
    recall = np.concatenate([[0.0], curve.recall])
    first = curve.precision[:1] if len(curve.precision) else [0.0]  # nothing is predicted
    precision = np.concatenate([first, curve.precision])
    axes.plot(
        recall, precision, drawstyle="steps-pre", color=BLUE, linewidth=1.4, label="this network"
    )
    at = row["recall"] or 0.0, row["precision"] or 0.0  # None: nothing is predicted
    axes.plot(*at, "o", color=ORANGE, markersize=6, label="threshold", clip_on=False, zorder=3)
    _write_threshold(axes, f"{row['threshold']:.1%}", at)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)


def _write_threshold(axes: Axes, text: str, at: tuple[float, float]) -> None:
    """Write it next to its point, away from the curve: below the point, or above it near the bottom."""
    recall, precision = at
    below = precision > 0.3
    left = recall > 0.8 if not below else recall > 0.2
    axes.annotate(
        text, at, xytext=(-5 if left else 5, -5 if below else 5), textcoords="offset points",
        ha="right" if left else "left", va="top" if below else "bottom", fontsize=8,
    )  # fmt: skip


def _name_axes(panels: NDArray[Any], shown: int) -> None:
    """Label axes at the edges only, and ticks below the last panel of each column too."""
    columns = panels.shape[1]
    for number, axes in enumerate(panels.flat[:shown]):
        if number % columns == 0:
            axes.set_ylabel("precision", fontsize=9)
        if number + columns >= shown:
            axes.set_xlabel("recall", fontsize=9)
            axes.tick_params(labelbottom=True)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, texts = axes.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper left", ncols=3, fontsize=8, frameon=False)
