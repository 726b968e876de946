"""What a report says of a task, as far as the task's metrics and predictions tell it.

A module of `onestop.reporting.tasks` that is named like a task says more of that task.
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
    """The parts of a report that depend on the task; here for any task.

    Attributes:
        thing: What the network gets, in words.
        share: What the share of correct predictions is called.
        right: What a network does that is correct for so many images, as a predicate, and the same
            in short of a second network.
    """

    thing: ClassVar[str] = "image"
    share: ClassVar[str] = "correct predictions"
    right: ClassVar[tuple[str, str]] = ("names {} right", "{}")

    def result(self, run: RunData) -> str:
        """How well a run did; follows its name in the first sentence of the page."""
        metric = run.task.metrics[0]
        value = run.metrics.get(metric.name)
        said = "not measured" if value is None else metric.text(value)
        return f"has {metric.title} {said} on {self.held_out(run)}"

    def held_out(self, run: RunData) -> str:
        """The images that the metrics are of, in words."""
        held = "held-out " if run.split != "train" else ""
        return plural(run.metrics["images"], f"{held}{named_split(run.split)} {self.thing}")

    def remarks(self, run: RunData) -> list[str]:  # noqa: ARG002
        """What one must know to judge the result."""
        return []

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:  # noqa: ARG002
        """The sections on the predictions.

        Args:
            run: What is known of the run.
            prefix: Before the names of the files of `files`.
        """
        return [
            Section("metrics", "Metrics", self._metrics(run)),
            Section("losses", "Largest losses", self._losses(run)),
        ]

    def files(self, run: RunData) -> Mapping[str, str]:  # noqa: ARG002
        """Tables to be written beside the page: CSV by the name of the file."""
        return {}

    def cell(self, run: RunData) -> str | Share:
        """How well a run did, as a cell of a table of several runs."""
        metric = run.task.metrics[0]
        return f"{metric.title} {metric.text(run.metrics[metric.name])}"

    def differences(self, first: RunData, second: RunData) -> Sequence[str]:  # noqa: ARG002
        """Sentences on how two runs differ, beside which of them is right more often."""
        return ()

    def shares(self, run: RunData) -> Mapping[str, Share]:  # noqa: ARG002
        """The share of images of each class or label that was found, by name."""
        return {}

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """What stands under the picture of an image."""
        return [prediction.text, f"is {prediction.truth_text}"]

    def _metrics(self, run: RunData) -> list[Block]:
        metrics = [metric for metric in run.task.metrics if metric.name in run.metrics]
        rows = [(metric.title, metric.text(run.metrics[metric.name])) for metric in metrics]
        return [Table(("metric", "value"), rows, f"On {self.held_out(run)}")] if rows else []

    def _losses(self, run: RunData) -> list[Block]:
        judged = [(p.loss, p) for p in run.predictions if p.loss is not None]
        worst = sorted(judged, key=lambda pair: -pair[0])[:_WORST]
        rows = [(p.image, p.truth_text, p.text, f"{loss:.4g}") for loss, p in worst]
        return [Table((self.thing, "is", "predicted", "loss"), rows, "")] if rows else []
