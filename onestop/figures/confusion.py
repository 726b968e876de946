"""Confusion matrix plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from onestop.figures.style import GREY, new_figure, tick_names
from onestop.metrics.confusion import Matrix, most_confused

SHOWN = 20
"""Maximum number of classes at which the counts are readable."""


def confusion_figure(confusion: Matrix, classes: Sequence[str], most: int = SHOWN) -> Figure:
    """The row-normalised matrix with counts; with many classes, only the most confused ones.

    Args:
        confusion: Counts [K, K], rows are true classes, columns predictions.
        classes: K names.
        most: Maximum number of classes to show.
    """
    shown = most_confused(confusion, most)
    part = confusion[np.ix_(shown, shown)]
    shares = part / np.maximum(confusion[shown].sum(1, keepdims=True), 1)
    side = 2.2 + 0.42 * len(shown)
    figure = new_figure(side + 0.6, side)
    axes = figure.add_subplot()
    axes.imshow(np.ma.masked_equal(shares, 0), cmap="Blues", vmin=-0.1, vmax=1)
    edges = np.arange(len(shown) + 1) - 0.5
    axes.hlines(edges, -0.5, len(shown) - 0.5, color=GREY, linewidth=0.3)
    axes.vlines(edges, -0.5, len(shown) - 0.5, color=GREY, linewidth=0.3)
    names = tick_names([classes[k] for k in shown])
    rotation = 90 if len(shown) > 3 and max(map(len, names)) > 3 else 0
    axes.set_xticks(range(len(shown)), names, rotation=rotation, fontsize=9)
    axes.set_yticks(range(len(shown)), names, fontsize=9)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("true", fontsize=9)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for (row, column), count in np.ndenumerate(part):
        if count:
            dark = shares[row, column] > 0.5
            axes.text(
                column, row, f"{count:,}", ha="center", va="center", fontsize=8,
                color="white" if dark else "#222222",
            )  # fmt: skip
    return figure
