"""What there is to say of a run, gathered from its folder, its data and its model.

A run may be done, going on or stopped; whatever is not there yet is left out of the page.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from onestop.data.dataset import Dataset
from onestop.data.sources.python import NAME
from onestop.errors import OneStopError
from onestop.inference.load import load_model
from onestop.inference.model import Model
from onestop.inference.predictions import predictions_of, read_predictions, trained_on
from onestop.metrics import breakdown
from onestop.recipe import Recipe
from onestop.recipe.files import read_resolved
from onestop.reporting.task_report import TaskReport
from onestop.reporting.tasks import report_of
from onestop.runtime.csv_files import plain_cell
from onestop.runtime.files import read_object
from onestop.storage.model_file import Card, read_card, task_of
from onestop.storage.run_folder import (
    EPOCHS,
    METRICS,
    MODEL,
    PREDICTIONS,
    RECIPE,
    SKIPPED,
    EpochsFile,
    State,
    is_busy,
    state_of,
)
from onestop.storage.run_info import RunInfo, read_info
from onestop.tasks import Prediction, Task, make_task


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
        names = tuple(breakdown(self.metrics)[1])
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


def gather(
    folder: Path,
    *,
    dataset: Dataset | None = None,
    model: Model | None = None,
    network: nn.Module | str | None = None,
    data_root: str | None = None,
    busy: bool | None = None,
) -> RunData:
    """Read what a run's folder holds; where it is not done, score its best network so far.

    Args:
        folder: Of the run.
        dataset: Its data, where they are at hand; opened as the recipe says where not.
        model: Its best network, if at hand; loaded where not.
        network: The user's own, or its `path/to/file.py:Class`, where the model is one.
        data_root: Where sets known by name lie now.
        busy: Whether a process is training there; looked up where not said.

    Raises:
        OneStopError: The recipe cannot be read.
    """
    folder = folder.resolve()
    recipe = read_resolved(folder / RECIPE)
    metrics = read_object(folder / METRICS)
    busy = is_busy(folder) if busy is None else busy
    found = RunData(folder, recipe, read_info(folder), metrics, model=model)
    found.state = state_of(metrics, busy=busy)
    found.epochs = EpochsFile.read(folder / EPOCHS)
    found.skipped = _skipped(folder / SKIPPED)
    found.dataset = dataset or _data(found, data_root)
    if (folder / MODEL).is_file():
        _load(found, network)
    if found.state == "done":
        _read_predictions(found)
    if not found.predictions:
        _score(found)
    return found


def _skipped(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return []
    names = ("path", "reason")
    return [{name: plain_cell(row.get(name) or "") for name in names} for row in rows]


def _data(found: RunData, root: str | None) -> Dataset | None:
    if found.recipe.data.source == NAME:
        found.gone.append("images are not shown: the data were given in Python")
        return None
    try:
        return trained_on(found.recipe.values(), root)
    except OneStopError as error:
        found.gone.append(f"images are not shown: {error}")
        return None


def _load(found: RunData, network: nn.Module | str | None) -> None:
    """The model, as far as it can be had; the card alone where its network is somebody's own code."""
    path = found.folder / MODEL
    try:
        if found.model is None:
            found.model = load_model(path, network, "cpu")[0]
        found.card = found.model.card
    except OneStopError as error:
        found.gone.append(f"the network is not looked into: {error}")
        with contextlib.suppress(OneStopError):
            found.card = read_card(path)
    data = found.dataset
    if found.card and data and data.fingerprint() != found.card.data["fingerprint"]:
        found.gone.append(f"images are not shown: {data.name} has changed since the training")
        found.dataset = None


def _read_predictions(found: RunData) -> None:
    """The predictions, if the file is whole; that of an earlier version is made anew."""
    path, task = found.folder / PREDICTIONS, found.task
    try:
        predictions = read_predictions(path, task) if path.is_file() else []
    except OneStopError:
        return
    strange = any(_strange(prediction, task.names) for prediction in predictions)
    if len(predictions) == found.metrics.get("images") and not strange:
        found.predictions = predictions


def _strange(prediction: Prediction, names: Sequence[str]) -> bool:
    """Whether a name in it is not one that the network knows."""
    if any(label.number for label in prediction.labels):
        return False
    said = {label.name for label in prediction.labels} | {*(prediction.truth or ())}
    return not said.issubset(names)


def _score(found: RunData) -> None:
    """Have the network judge the split it was judged on, or, before a run is done, the validation's.

    Never the test split before that: who looks at it while training chooses by it.
    """
    model, dataset = found.model, found.dataset
    split = found.split if found.state == "done" else "val"
    if model is None or dataset is None or split not in dataset.splits:
        return
    scored, feed = model.score(dataset.splits[split], keep_outputs=True)
    found.predictions = predictions_of(model.task, feed.samples, scored)
    if found.state != "done":
        found.metrics = {"split": split, **scored.metrics}
