"""Sizes of objects against how many of them are found.

Legend: n objects.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onestop.figures.style import BLUE, GREY, new_figure, plain

_BINS = 10


def size_figure(sides: NDArray[np.float64], found: NDArray[np.bool_]) -> Figure:
    """A histogram of sizes, and over it the fraction that is found of each bin.

    Args:
        sides: Square root of the area of each object, in pixels, [n]; above 0.
        found: Whether each is found, [n].
    """
    low, high = float(sides.min()), float(sides.max())
    edges = np.geomspace(max(low, 1e-3), max(high, low * 1.01, 1e-3), _BINS + 1)
    place = np.clip(np.searchsorted(edges, sides, side="right") - 1, 0, _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    hits = np.bincount(place, weights=found, minlength=_BINS)
    figure = new_figure(5.2, 2.6)
    axes = figure.add_subplot()
    plain(axes, x="size in pixels", y="objects")
    axes.stairs(counts, edges, fill=True, color=GREY, alpha=0.4)
    axes.set_xscale("log")
    ticks = [value for value in (4, 8, 16, 32, 64, 128, 256, 512, 1024) if low <= value <= high]
    axes.set_xticks(ticks, [str(value) for value in ticks])
    axes.minorticks_off()
    recall = axes.twinx()
    recall.set_ylabel("fraction found", fontsize=9, color=BLUE)
    recall.set_ylim(0, 1.02)
    recall.tick_params(labelsize=8, colors=BLUE)
    there = counts > 0
    middle = np.sqrt(edges[1:] * edges[:-1])
    recall.plot(middle[there], hits[there] / counts[there], "o-", color=BLUE, markersize=4)
    return figure
