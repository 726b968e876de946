"""Which classes are taken for which, as a matrix of squares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from onestop.figures.style import GREY, new_figure, tick_names
from onestop.metrics.confusion import Matrix, most_confused

SHOWN = 20
"""Classes of a matrix that can be read, numbers included."""


def confusion_figure(confusion: Matrix, classes: Sequence[str], most: int = SHOWN) -> Figure:
    """The matrix in shares of each row, with its counts; of many classes those confused the most.

    Args:
        confusion: [K, K] counts, row the truth, column the prediction.
        classes: K names.
        most: Classes that are shown; those of the most confused pairs where there are more.
    """
    chosen = most_confused(confusion, most)
    part = confusion[np.ix_(chosen, chosen)]
    shares = part / np.maximum(confusion[chosen].sum(1, keepdims=True), 1)
    side = 2.2 + 0.42 * len(chosen)
    figure = new_figure(side + 0.6, side)
    axes = figure.add_subplot()
    axes.imshow(np.ma.masked_equal(shares, 0), cmap="Blues", vmin=-0.1, vmax=1)
    edges = np.arange(len(chosen) + 1) - 0.5
    axes.hlines(edges, -0.5, len(chosen) - 0.5, color=GREY, linewidth=0.3)
    axes.vlines(edges, -0.5, len(chosen) - 0.5, color=GREY, linewidth=0.3)
    names = tick_names([classes[k] for k in chosen])
    rotation = 90 if len(chosen) > 3 and max(map(len, names)) > 3 else 0
    axes.set_xticks(range(len(chosen)), names, rotation=rotation, fontsize=9)
    axes.set_yticks(range(len(chosen)), names, fontsize=9)
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
