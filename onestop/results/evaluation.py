"""The score of a model on a split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.figures.files import svg
from onestop.figures.notebook import heading, metric_rows, table
from onestop.results.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.tasks import Prediction, Task


@dataclass(frozen=True)
class Evaluation:
    """The score of a model on a split.

    Attributes:
        model: The model file.
        source: The data set it was scored on.
        metrics: `split`, the metrics of the model's task, `images`, `per_class`, ... as in a run's
            metrics.json; `seconds` and `images_per_second` are those of scoring. Where the same is
            predicted for all images, `warnings` says so.
        skipped: `path` and `reason` of each file of the split that could not be used.
        remarks: Problems of images that were used nevertheless.
        predictions: The prediction for each image, in the order of the split.
        task: The model's task.
        notes: What has changed since training, and how many of the images were trained on.
        trained_on: How many of the images were trained on: on those, scores are too good.
        intervals: Both ends of the 95 % interval (Wilson's) of metrics that are shares of the images.
    """

    model: Path
    source: str
    metrics: dict[str, Any]
    skipped: tuple[dict[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    predictions: tuple[Prediction, ...] = field(default=(), repr=False)
    task: Task[Any] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    trained_on: int = 0
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The metrics, as `--json` prints them; with intervals, skipped files, remarks and notes."""
        problems: dict[str, Any] = {
            "intervals": self.intervals, "trained_on": self.trained_on, "notes": list(self.notes),
            "skipped_files": list(self.skipped), "remarks": list(self.remarks),
        }  # fmt: skip
        return {**self.metrics, **{name: value for name, value in problems.items() if value}}

    def figure(self, name: str | None = None) -> Figure:
        """A matplotlib figure of the predictions.

        Args:
            name: `confusion` or `calibration`; if numbers are predicted, `fit` (default: the first).

        Raises:
            UsageError: No figure of that name.
        """
        return figure_of(name, self.task, self.predictions)

    def _repr_html_(self) -> str:
        shown = self.task and self.task.figures() and self.predictions
        picture = svg(self.figure(), f"evaluation-{id(self)}") if shown else ""
        metrics = self.task.metrics if self.task else ()
        return heading(self.source) + table(metric_rows(self.metrics, metrics)) + picture
