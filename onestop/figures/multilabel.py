"""Figures for several labels per image: labels that occur together.

Legend: L labels, S labels that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from onestop.figures.style import GREY, new_figure, tick_names
from onestop.metrics.confusion import most_confused

SHOWN = 20
"""Maximum number of labels at which the counts of a matrix are readable."""
_DIAGONAL = "#e4e4e4"


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
