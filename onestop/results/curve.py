"""Return type of `curve`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onestop.figures.notebook import columns_table, heading
from onestop.metrics.power_law import Estimate
from onestop.metrics.spec import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curve:
    """How good a linear model on pretrained features is with more and more training images.

    Attributes:
        source: The data set.
        network: Whose features they are.
        metric: What is measured on held-out folds.
        images: Of the training split.
        points: `images`, `value`, `low` and `high` (95 % interval over the folds), the fewest first.
        now: By the power law, with all training images.
        twice: By the power law, with twice as many.
        gain: The difference between the two.
        notes: What limits the measurement.
    """

    source: str
    network: str
    metric: Metric
    images: int
    points: list[dict[str, float]]
    now: Estimate
    twice: Estimate
    gain: Estimate
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """What twice the images would bring, in a sentence."""
        gain, metric = self.gain, self.metric
        certain = gain.low > 0 if self.metric.higher else gain.high < 0
        doubt = "" if certain else "; whether that is any gain is uncertain"
        return (
            f"with twice the images ({2 * self.images:,}) {metric.title} would be about "
            f"{metric.text(self.twice.value, 1)}, {_signed(metric, gain.value)} (95 % interval "
            f"{_signed(metric, gain.low)} to {_signed(metric, gain.high)}), if it goes on by a power "
            f"law{doubt}"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it."""
        return {**dataclasses.asdict(self), "metric": self.metric.name, "notes": list(self.notes)}

    def rows(self) -> list[dict[str, object]]:
        """The table for people."""
        measured = [(f"{round(p['images']):,}", p, "measured") for p in self.points]
        forecast = [
            (f"{self.images:,}", dataclasses.asdict(self.now), "power law"),
            (f"{2 * self.images:,}", dataclasses.asdict(self.twice), "power law"),
        ]
        text = self.metric.text
        return [
            {"images": count, self.metric.title: text(of["value"]),
             "95 % interval": f"{text(of['low'])} to {text(of['high'])}", "": how}
            for count, of, how in (*measured, *forecast)
        ]  # fmt: skip

    def figure(self) -> Figure:
        """The curve, with its intervals and what is expected of twice the images.

        Raises:
            UsageError: Figures cannot be drawn.
        """
        from onestop.figures.files import require_figures

        require_figures()
        from onestop.figures.learning_curve import learning_curve

        law = [(self.images, self.now), (2 * self.images, self.twice)]
        return learning_curve(self.points, law, self.metric)

    def _repr_html_(self) -> str:
        from onestop.figures.files import figure_html

        title = heading(f"{self.source}, {self.network}: {self.said}")
        return title + columns_table(self.rows()) + figure_html(self.figure(), self.said)


def _signed(metric: Metric, value: float) -> str:
    """A difference; of percentages in points."""
    return f"{100 * value:+.1f} points" if metric.percent else f"{value:+.3g}"
