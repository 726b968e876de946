"""What a report is made of: all that is known of a run; `onestop.reporting.gather` finds it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.recipe import Recipe
from onestop.reporting.task_report import TaskReport
from onestop.reporting.tasks import report_of
from onestop.storage.model_file import Card, task_of
from onestop.storage.run_folder import State
from onestop.storage.run_info import RunInfo
from onestop.tasks import Prediction, Task, make_task

if TYPE_CHECKING:
    from onestop.data.dataset import Dataset
    from onestop.inference.model import Model


@dataclass
class RunData:
    """What a report is made of.

    Attributes:
        folder: Of the run.
        recipe: Every setting.
        metrics: The final values of the metrics; those of the best network so far if the run is not
            done; empty if there is no network yet.
        info: The run's task, how its metrics are called and printed, and notes and warnings.
        epochs: Rows of metrics.csv.
        predictions: What was predicted for each image that `metrics` is about.
        state: `done`, `going on` or `stopped`.
        card: Of the model file, where there is one.
        model: To look into, where it could be loaded.
        dataset: To show images of, where it could be opened.
        gone: Why there is no model or no data set.
        skipped: `path` and `reason` of files that were not used.
        name: What it is called beside others; empty: as its folder.
    """

    folder: Path
    recipe: Recipe
    info: RunInfo
    metrics: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, str]] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    state: State = "done"
    card: Card | None = None
    model: Model | None = None
    dataset: Dataset | None = None
    gone: list[str] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    name: str = ""

    @property
    def task(self) -> Task[Any]:
        """What the network is trained to do.

        Raises:
            ModelFileError: This version does not know the task.
        """
        if self.card:
            return task_of(self.card)
        if self.dataset:
            return make_task(self.dataset.task, self.dataset.classes, {})
        names = tuple(self.metrics.get("per_class", ()))
        return make_task(self.info.task, names, {})

    @property
    def names(self) -> tuple[str, ...]:
        """Classes or labels in the order of the outputs; empty if numbers are predicted."""
        return self.task.names

    @property
    def report(self) -> TaskReport:
        """What there is to say of the task."""
        return report_of(self.task.name)

    @property
    def split(self) -> str:
        """What the figures are of."""
        return str(self.metrics.get("split", ""))
