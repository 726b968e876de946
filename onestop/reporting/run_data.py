"""The data behind a report; `onestop.reporting.gather` collects it.

A run may be done, in progress or stopped; what does not exist yet is omitted from the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.metrics import breakdown
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
    from onestop.linting.label_issues import LabelIssue


@dataclass
class RunData:
    """The data behind a report.

    Attributes:
        folder: The run's folder.
        recipe: Every setting.
        metrics: Final values of the metrics; those of the best network so far if the run is not done;
            empty if there is no network yet.
        info: The run's task, the specifications of its metrics, and notes and warnings.
        epochs: Rows of metrics.csv.
        predictions: The prediction for each image that `metrics` covers.
        state: `done`, `going on` or `stopped`.
        card: The card of the model file, if there is one.
        model: The model, if it could be loaded.
        dataset: The data set, if it could be opened.
        gone: Why there is no model or no data set.
        skipped: `path` and `reason` of files that were not used.
        label_issues: Images whose label looks wrong; None if nobody looked.
        name: Its name in a comparison; empty for that of its folder.
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
    label_issues: list[LabelIssue] | None = None
    name: str = ""

    @property
    def task(self) -> Task[Any]:
        """The task that the network is trained for.

        Raises:
            ModelFileError: This version does not know the task.
        """
        if self.card:
            return task_of(self.card)
        if self.dataset:
            return make_task(self.dataset.task, self.dataset.classes, {})
        names = tuple(breakdown(self.metrics)[1])
        return make_task(self.info.task, names, {})

    @property
    def names(self) -> tuple[str, ...]:
        """Classes or labels in the order of the outputs; empty if numbers are predicted."""
        return self.task.names

    @property
    def report(self) -> TaskReport:
        """The part of the report that depends on the task."""
        return report_of(self.task.name)

    @property
    def split(self) -> str:
        """The split that the metrics are of."""
        return str(self.metrics.get("split", ""))
