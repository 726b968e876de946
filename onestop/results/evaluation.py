"""What a model measures on a split."""

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
    """What a model measures on a split.

    Attributes:
        model: The model file.
        source: What it was scored on.
        metrics: `split`, the metrics of the model's task, `images`, `per_class`, ... as in a run's
            metrics.json; `seconds` and `images_per_second` are of the scoring.
        skipped: `path` and `reason` of each file of the split that could not be used.
        remarks: What is wrong with images that were used all the same.
        predictions: What was predicted for each image, in the order of the split.
        task: The model's.
    """

    model: Path
    source: str
    metrics: dict[str, Any]
    skipped: tuple[dict[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    predictions: tuple[Prediction, ...] = field(default=(), repr=False)
    task: Task[Any] | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The metrics, as `--json` prints them, and what was skipped and remarked if anything was."""
        odd = {"skipped_files": list(self.skipped), "remarks": list(self.remarks)}
        return {**self.metrics, **{name: value for name, value in odd.items() if value}}

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
