"""Figures for several labels per image: precision-recall curves, and labels that occur together.

Legend: L labels, S labels that are shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from onestop.figures.style import BLUE, GREY, ORANGE, new_figure, plain, shortened, tick_names
from onestop.metrics.confusion import most_confused
from onestop.metrics.multilabel import Curve

PerLabel: TypeAlias = Mapping[str, Mapping[str, Any]]
"""`per_label` of `multilabel_metrics`."""

PANELS = 8
"""Maximum number of labels with a curve."""
SHOWN = 20
"""Maximum number of labels at which the counts of a matrix are readable."""
_COLUMNS = 4
_LEGEND = 3.6  # width of the legend in inches
_DIAGONAL = "#e4e4e4"


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


def co_occurrence_figure(
    counts: NDArray[np.int64], labels: Sequence[str], most: int = SHOWN
) -> Figure:
    """How often two labels occur together: counts, coloured by their fraction of each row's images.

    Args:
        counts: [L, L], as returned by `co_occurrence`.
        labels: L names.
        most: Maximum number of labels to show: those of the most frequent pairs.
    """
    chosen = most_confused(counts, most)
    part = counts[np.ix_(chosen, chosen)]
    shares = part / np.maximum(np.diag(part), 1)[:, None]
    side = 2.2 + 0.42 * len(chosen)
    figure = new_figure(side + 0.6, side)
    axes = figure.add_subplot()
    _squares(axes, shares)
    _write_counts(axes, part, shares)
    names = tick_names([labels[k] for k in chosen])
    rotation = 90 if len(chosen) > 3 and max(map(len, names)) > 3 else 0
    axes.set_xticks(range(len(chosen)), names, rotation=rotation, fontsize=9)
    axes.set_yticks(range(len(chosen)), names, fontsize=9)
    axes.set_xlabel("also have", fontsize=9)
    axes.set_ylabel("images with", fontsize=9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
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
    precision = np.concatenate([curve.precision[:1], curve.precision])
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


def _squares(axes: Axes, shares: NDArray[np.float64]) -> None:
    """Fractions [S, S] as colours; the diagonal, which is always 1, in grey."""
    size = len(shares)
    hidden = (shares == 0) | np.eye(size, dtype=np.bool_)
    axes.imshow(np.ma.masked_array(shares, hidden), cmap="Blues", vmin=-0.1, vmax=1)
    for k in range(size):
        axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, color=_DIAGONAL, linewidth=0))
    edges = np.arange(size + 1) - 0.5
    axes.hlines(edges, -0.5, size - 0.5, color=GREY, linewidth=0.3)
    axes.vlines(edges, -0.5, size - 0.5, color=GREY, linewidth=0.3)


def _write_counts(axes: Axes, part: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(part):
        if count or row == column:
            dark = shares[row, column] > 0.6 and row != column
            axes.text(
                column, row, f"{count:,}", ha="center", va="center", fontsize=8,
                color="white" if dark else "#222222",
            )  # fmt: skip
