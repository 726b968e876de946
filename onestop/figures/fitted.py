"""Regression plots: predictions against targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from onestop.figures.style import BLUE, GREY, RED, new_figure, plain


def fitted_line(x: Sequence[float], targets: Sequence[float], predicted: Sequence[float]) -> Figure:
    """Samples of one feature, and the line through their predictions."""
    figure = new_figure(6, 4.5)
    axes = figure.add_subplot()
    plain(axes, "", "x", "y")
    order = np.argsort(x)
    axes.scatter(x, targets, s=18, color=BLUE, label="data")
    axes.plot([x[i] for i in order], [predicted[i] for i in order], color=RED, label="fitted")
    axes.legend(frameon=False)
    return figure


def fitted_scatter(targets: Sequence[float], predicted: Sequence[float]) -> Figure:
    """Prediction against target, one point per sample."""
    figure = new_figure(4.8, 4.5)
    axes = figure.add_subplot()
    plain(axes, "", "target", "predicted")
    ends = [min(*targets, *predicted), max(*targets, *predicted)]
    axes.plot(ends, ends, color=GREY, linestyle="--", linewidth=1, label="perfect")
    axes.scatter(targets, predicted, s=14, alpha=0.7, color=BLUE, label="samples")
    axes.legend(frameon=False, fontsize=8)
    return figure
