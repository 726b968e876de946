"""Reliability diagram: accuracy against confidence."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from onestop.figures.style import BLUE, GREY, new_figure, plain
from onestop.metrics.calibration import Calibration
from onestop.metrics.intervals import wilson


def calibration_figure(calibration: Calibration) -> Figure:
    """Accuracy of each bin against its mean confidence, and the number of images per bin."""
    figure = new_figure(4.6, 4.4)
    upper, lower = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    full = calibration.counts > 0
    correct = np.round(calibration.accuracy * calibration.counts)[full]
    low, high = wilson(correct, calibration.counts[full])
    accuracy = calibration.accuracy[full]
    plain(upper, "", "", "accuracy")
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
    upper.errorbar(
        calibration.confidence[full], accuracy,
        yerr=np.abs(np.stack([accuracy - low, high - accuracy])),
        fmt="o-", color=BLUE, markersize=4, linewidth=1.2, elinewidth=0.8, label="this network",
    )  # fmt: skip
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
    upper.legend(fontsize=8, frameon=False, loc="upper left")
    plain(lower, "", "confidence", "images")
    lower.bar(
        calibration.edges[:-1], calibration.counts, np.diff(calibration.edges),
        align="edge", color=BLUE, alpha=0.6,
    )  # fmt: skip
    for axes in (upper.yaxis, lower.xaxis):
        axes.set_major_formatter(PercentFormatter(1.0))
    return figure
