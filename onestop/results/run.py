"""A run folder and its contents; its row in a list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import OneStopError, UsageError
from onestop.figures.files import require_figures, svg
from onestop.figures.notebook import heading, metric_rows, table
from onestop.images.forms import local_path
from onestop.metrics.spec import Metric, breakdown
from onestop.recipe import Recipe
from onestop.recipe.files import read_resolved
from onestop.results.figures import check_figure
from onestop.storage.derived import shows_the_end
from onestop.storage.final_metrics import read_metrics
from onestop.storage.run_folder import (
    EPOCHS,
    METRICS,
    MODEL,
    PREDICTIONS,
    RECIPE,
    REPORT,
    EpochsFile,
    State,
)
from onestop.storage.run_info import RunInfo, read_info

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.inference.model import Model
    from onestop.tasks import Prediction, Task


class Run:
    """A run folder and its contents.

    Attributes:
        folder: The run's folder, absolute.
        examples: Predictions for a few held-out images, if it has just been trained.
    """

    def __init__(self, folder: str | Path, examples: Sequence[Prediction] = ()) -> None:
        self.folder = local_path(folder).resolve()
        self.examples = tuple(examples)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def info(self) -> RunInfo:
        """The run's task, the specifications of its metrics, and its notes, as in run.json."""
        return read_info(self.folder)

    @property
    def metrics(self) -> dict[str, Any]:
        """The final metrics, as in metrics.json, without damaged ones.

        Raises:
            UsageError: There are none yet, or the file is damaged.
        """
        final = read_metrics(self.folder, self.info.metrics)
        if not final.values:
            problem = final.problem or f"{self.folder}: has no {METRICS} yet, it is not done"
            raise UsageError(problem)
        return final.values

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The rows of metrics.csv as numbers, int or float; None where there is none."""
        return [{name: _number(cell) for name, cell in row.items()} for row in self._rows()]

    def _rows(self) -> list[dict[str, str]]:
        return EpochsFile.read(self.folder / EPOCHS)

    @property
    def recipe(self) -> Recipe:
        """Every setting of the run."""
        return read_resolved(self.folder / RECIPE)

    @property
    def predictions(self) -> list[Prediction]:
        """The prediction for each held-out image, as in predictions.csv.

        Raises:
            UsageError: The run is not done, so there are none of this network; or they are damaged.
        """
        from onestop.inference.predictions import read_predictions

        _ = self.metrics  # they are of the network if these are
        return read_predictions(self.folder / PREDICTIONS, self._task())

    def model(self) -> Model:
        """The best network of the run, ready to predict."""
        from onestop.inference.load import load

        return load(self.folder)

    def figure(self, name: str = "curves") -> Figure:
        """A matplotlib figure of the run.

        Args:
            name: `curves`, `time`, `confusion` or `calibration`; `fit` instead of the last two if
                numbers are predicted.

        Raises:
            UsageError: No such figure, or the run has not got that far.
        """
        require_figures()
        metrics = self._final()
        of_run = {"curves": self._curves, "time": self._time}
        of_predictions = self._task().figures()
        check_figure(name, (*of_run, *of_predictions))
        if name in of_run:
            if not (self.folder / EPOCHS).is_file():
                raise UsageError(f"figure {name!r}: {self.folder} has no finished epoch yet")
            return of_run[name](metrics)
        if not metrics:
            raise UsageError(f"figure {name!r}: {self.folder} is not done yet")
        return of_predictions[name](self.predictions)

    def _task(self) -> Task[Any]:
        """The task in the model file, or, if that is damaged or missing, in run.json."""
        from onestop.storage.model_file import read_card, task_of
        from onestop.tasks import make_task

        try:
            return task_of(read_card(self.folder / MODEL))
        except OneStopError:
            names = tuple(breakdown(self._final())[1])
            return make_task(self.info.task, names, {})

    def _final(self) -> dict[str, Any]:
        """The final metrics; empty if there are none that can be used."""
        return read_metrics(self.folder, self.info.metrics).values

    def _curves(self, metrics: dict[str, Any]) -> Figure:
        from onestop.figures.curves import curves

        return curves(self._rows(), self.info.metrics, metrics.get("best_epoch", 0))

    def _time(self, _: dict[str, Any]) -> Figure:
        from onestop.figures.curves import spent_bar, time_spent

        return spent_bar(time_spent(self._rows()))

    def _repr_html_(self) -> str:
        final = self._final()
        rows = metric_rows(final, self.info.metrics) if final else [("state", "not done yet")]
        page = [("report", self.folder / REPORT)] if shows_the_end(self.folder) else []
        picture = ""
        if (self.folder / EPOCHS).is_file():
            picture = svg(self.figure("curves"), f"run-{id(self)}")
        return heading(self.folder.name) + table([*rows, *page]) + picture


def _number(cell: str) -> int | float | None:
    """A cell of a table of numbers: a count as int, anything else as float."""
    try:
        return int(cell) if cell.isdecimal() else float(cell)
    except ValueError:
        return None


_KEYS = (
    "name", "network", "data", "best", "figure", "split", "epochs", "of", "state", "when", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class RunRow:
    """A run in a list of runs.

    Attributes:
        name: Name of its folder.
        network: The network.
        data: The source it was trained on.
        best: Value of the first metric of the run's task (`metric`, its name in `figure`) for the best
            network, on `split`; None if no epoch is done yet. For an unfinished run it is the best of
            its epochs so far.
        epochs: Epochs done, out of `of`.
        state: `done`, `going on` (a process is training it), or `stopped`.
        when: When it was begun, in local time.
        seconds: Time spent on training and scoring so far.
    """

    name: str
    network: str
    data: str
    best: float | None
    metric: Metric
    split: str
    epochs: int
    of: int
    state: State
    when: str
    seconds: float

    @property
    def figure(self) -> str:
        """The metric's name."""
        return self.metric.name

    @property
    def rank(self) -> float:
        """Larger is better; runs without a value come last."""
        return self.metric.rank(self.best)

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it."""
        return {key: getattr(self, key) for key in _KEYS}
