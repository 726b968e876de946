"""A metric by the number of training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from onestop.figures.style import BLUE, RED, new_figure, plain
from onestop.metrics.power_law import Estimate
from onestop.metrics.spec import Metric


def learning_curve(
    points: Sequence[Mapping[str, float]], law: Sequence[tuple[int, Estimate]], metric: Metric
) -> Figure:
    """Measured points and a forecast, both with intervals; images on a logarithmic axis."""
    figure = new_figure(6, 4)
    axes = figure.add_subplot()
    plain(axes, "", "training images", metric.title)
    measured = [(p["images"], Estimate(p["value"], p["low"], p["high"])) for p in points]
    for pairs, color, label in ((measured, BLUE, "measured"), (law, RED, "power law")):
        x, y = [n for n, _ in pairs], [of.value for _, of in pairs]
        below = [of.value - of.low for _, of in pairs]
        above = [of.high - of.value for _, of in pairs]
        axes.errorbar(x, y, (below, above), fmt="o-", color=color, capsize=3, label=label)
    axes.set_xscale("log")
    ticks = [round(n) for n, _ in (*measured, law[-1])]
    axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure
