"""What a model measures on a split."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.results.figures import figure_of
from onestop.results.notebook import heading, metric_rows, svg, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.inference.predictions import Verdict
    from onestop.metrics.spec import Metric


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
        verdicts: What was predicted for each image, in the order of the split.
        specs: The metrics of the task: how each is called and printed.
    """

    model: Path
    source: str
    metrics: dict[str, Any]
    skipped: tuple[dict[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)
    specs: tuple[Metric, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """The metrics, as `--json` prints them, and what was skipped and remarked if anything was."""
        odd = {"skipped_files": list(self.skipped), "remarks": list(self.remarks)}
        return {**self.metrics, **{name: value for name, value in odd.items() if value}}

    def figure(self, name: str = "confusion") -> Figure:
        """A matplotlib figure: `confusion` or `calibration`; `fit` if numbers are predicted.

        Raises:
            UsageError: No figure of that name.
        """
        return figure_of(name, self.verdicts, tuple(self.metrics.get("per_class", ())))

    def _repr_html_(self) -> str:
        name = "confusion" if "per_class" in self.metrics else "fit"
        picture = svg(self.figure(name), f"evaluation-{id(self)}") if self.verdicts else ""
        return heading(self.source) + table(metric_rows(self.metrics, self.specs)) + picture
