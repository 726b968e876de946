"""Whether a network is right as often as it says: the reliability curve."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from onestop.figures.style import BLUE, GREY, new_figure, plain
from onestop.metrics.calibration import Calibration
from onestop.metrics.intervals import wilson


def calibration_figure(found: Calibration) -> Figure:
    """Accuracy of the images of each bin against their mean probability, and how many they are."""
    figure = new_figure(4.6, 4.4)
    upper, lower = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    full = found.counts > 0
    hits = np.round(found.accuracy * found.counts)[full]
    low, high = wilson(hits, found.counts[full])
    share = found.accuracy[full]
    plain(upper, "", "", "share that was right")
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as sure as right")
    upper.errorbar(
        found.confidence[full], share, yerr=np.abs(np.stack([share - low, high - share])),
        fmt="o-", color=BLUE, markersize=4, linewidth=1.2, elinewidth=0.8, label="this network",
    )  # fmt: skip
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
    upper.legend(fontsize=8, frameon=False, loc="upper left")
    plain(lower, "", "probability of what was predicted", "images")
    lower.bar(
        found.edges[:-1], found.counts, np.diff(found.edges), align="edge", color=BLUE, alpha=0.6
    )
    for axes in (upper.yaxis, lower.xaxis):
        axes.set_major_formatter(PercentFormatter(1.0))
    return figure
