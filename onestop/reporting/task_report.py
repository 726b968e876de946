"""The part of a report that depends on the task, as far as metrics and predictions provide it.

A module of `onestop.reporting.tasks` named after a task extends it for that task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from onestop.reporting.blocks import Block, Section, Share, Table
from onestop.text import named_split, plural

if TYPE_CHECKING:
    from onestop.reporting.run_data import RunData
    from onestop.tasks import Prediction

_WORST = 12  # rows of a table of images


class TaskReport:
    """The part of a report that depends on the task; this class is for any task.

    Attributes:
        thing: Noun for an input of the network.
        share: Name of the fraction of correct predictions.
        right: What a correct prediction is called.
    """

    thing: ClassVar[str] = "image"
    share: ClassVar[str] = "correct predictions"
    right: ClassVar[str] = "right"

    def result(self, run: RunData) -> str:
        """The result of a run; follows its name in the first sentence of the page."""
        metric = run.task.metrics[0]
        value = run.metrics.get(metric.name)
        text = "(not measured)" if value is None else metric.text(value)
        return f"reaches {metric.title} {text} on {self.held_out(run)}"

    def held_out(self, run: RunData) -> str:
        """The images that the metrics cover, in words."""
        held = "held-out " if run.split != "train" else ""
        return plural(run.metrics["images"], f"{held}{named_split(run.split)} {self.thing}")

    def remarks(self, run: RunData) -> list[str]:  # noqa: ARG002
        """What readers need to know to judge the result."""
        return []

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:  # noqa: ARG002
        """The sections on the predictions.

        Args:
            run: The data of the run.
            prefix: Prefix for the file names in `files`.
        """
        return [
            Section("metrics", "Metrics", self._metrics(run)),
            Section("losses", "Largest losses", self._losses(run)),
        ]

    def files(self, run: RunData) -> Mapping[str, str]:  # noqa: ARG002
        """Tables to be written next to the page: CSV by file name."""
        return {}

    def cell(self, run: RunData) -> str | Share:
        """The result of a run, as a cell in a table of several runs."""
        metric = run.task.metrics[0]
        return f"{metric.title} {metric.text(run.metrics[metric.name])}"

    def differences(self, first: RunData, second: RunData) -> Sequence[str]:  # noqa: ARG002
        """Sentences on how two runs differ, besides which of them is right more often."""
        return ()

    def shares(self, run: RunData) -> Mapping[str, Share]:  # noqa: ARG002
        """The recall of each class or label, by name."""
        return {}

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """The text below the picture of an image."""
        return [prediction.text, f"is {prediction.truth_text}"]

    def _metrics(self, run: RunData) -> list[Block]:
        metrics = [metric for metric in run.task.metrics if metric.name in run.metrics]
        rows = [(metric.title, metric.text(run.metrics[metric.name])) for metric in metrics]
        return [Table(("metric", "value"), rows, f"On {self.held_out(run)}")] if rows else []

    def _losses(self, run: RunData) -> list[Block]:
        losses = [(p.loss, p) for p in run.predictions if p.loss is not None]
        worst = sorted(losses, key=lambda pair: -pair[0])[:_WORST]
        rows = [(p.image, p.truth_text, p.text, f"{loss:.4g}") for loss, p in worst]
        return [Table((self.thing, "truth", "predicted", "loss"), rows, "")] if rows else []
