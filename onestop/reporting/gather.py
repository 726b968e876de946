"""Collects the data behind a report from a run's folder, its data and its model."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from onestop.data.dataset import Dataset
from onestop.data.sources.python import NAME
from onestop.errors import OneStopError
from onestop.inference.held_out import open_as_trained, record_in, same_data, trained_on
from onestop.inference.load import load_model
from onestop.inference.model import Model
from onestop.inference.predictions import predictions_of, read_predictions
from onestop.linting.label_issues import read_label_issues
from onestop.reading import read_text
from onestop.recipe.files import read_resolved
from onestop.reporting.run_data import RunData
from onestop.runtime.csv_files import plain_cell
from onestop.storage.final_metrics import lacking, read_metrics
from onestop.storage.model_file import read_card
from onestop.storage.run_folder import (
    EPOCHS,
    LABEL_ISSUES,
    MODEL,
    PREDICTIONS,
    RECIPE,
    SKIPPED,
    EpochsFile,
    is_busy,
    state_of,
)
from onestop.storage.run_info import read_info
from onestop.tasks import Prediction, known_metrics

_MOST = 2**26  # bytes of skipped.csv: 64 MiB


def gather(
    folder: Path,
    *,
    dataset: Dataset | None = None,
    model: Model | None = None,
    network: nn.Module | str | None = None,
    data_root: str | None = None,
    busy: bool | None = None,
) -> RunData:
    """Read a run's folder; if the run is not done, score its best network so far.

    Args:
        folder: The run's folder.
        dataset: Its data, if already open; else opened as in the recipe.
        model: Its best network, if already loaded.
        network: A custom network, or its `path/to/file.py:Class`.
        data_root: Folder of the data sets known by name.
        busy: Whether a process is training there; checked if None.

    Raises:
        OneStopError: The recipe cannot be read.
    """
    folder = folder.resolve()
    recipe = read_resolved(folder / RECIPE)
    info = read_info(folder)
    final = read_metrics(folder, [*info.metrics, *known_metrics()])
    run = RunData(folder, recipe, info, final.values, model=model)
    run.gone += [final.problem] if final.problem else []
    run.epochs = EpochsFile.read(folder / EPOCHS)
    run.skipped = _skipped(folder / SKIPPED)
    run.label_issues = read_label_issues(folder / LABEL_ISSUES)
    if (folder / MODEL).is_file():
        _load(run, network)
    run.dataset = dataset or _data(run, data_root)
    if lacking(run.metrics, run.task.metrics):
        run.metrics = {}
    run.state = state_of(run.metrics, busy=is_busy(folder) if busy is None else busy)
    if run.state == "done":
        _read_predictions(run)
    if not run.predictions:
        _score(run)
    return run


def _skipped(path: Path) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path, _MOST), newline="")))
    except (OSError, ValueError, csv.Error):
        return []
    names = ("path", "reason")
    return [{name: plain_cell(row.get(name) or "") for name in names} for row in rows]


def _data(run: RunData, root: str | None) -> Dataset | None:
    if run.recipe.data.source == NAME:
        run.gone.append("images are not shown: the data was passed in Python")
        return None
    try:
        if run.card and record_in(run.card):
            opened = open_as_trained(run.card, root, run.recipe.values())
            run.gone += (note.removeprefix("note: ") for note in opened.notes(run.split or "val"))
            dataset, same = opened.dataset, opened.dataset.task == run.card.task
        else:
            dataset = trained_on(run.recipe.values(), root)
            same = not run.card or same_data(run.card, dataset)
    except OneStopError as error:
        run.gone.append(f"images are not shown: {error}")
        return None
    if not same:
        run.gone.append(f"images are not shown: {dataset.name} has changed since training")
        return None
    return dataset


def _load(run: RunData, network: nn.Module | str | None) -> None:
    """Load the model if possible; only its card if the code of a custom network is missing."""
    path = run.folder / MODEL
    try:
        if run.model is None:
            run.model = load_model(path, network, "cpu")[0]
        run.card = run.model.card
    except OneStopError as error:
        run.gone.append(f"the network cannot be loaded: {error}")
        with contextlib.suppress(OneStopError):
            run.card = read_card(path)


def _read_predictions(run: RunData) -> None:
    """Read the predictions if the file is complete and of this version; else they are computed."""
    path, task = run.folder / PREDICTIONS, run.task
    try:
        predictions = read_predictions(path, task) if path.is_file() else []
    except OneStopError:
        return
    unknown = any(_has_unknown_names(prediction, task.names) for prediction in predictions)
    if len(predictions) == run.metrics.get("images") and not unknown:
        run.predictions = predictions


def _has_unknown_names(prediction: Prediction, names: Sequence[str]) -> bool:
    """Whether a prediction has a name that the network does not know."""
    if any(label.number for label in prediction.labels):
        return False
    used = {label.name for label in prediction.labels} | {*(prediction.truth or ())}
    return not used.issubset(names)


def _score(run: RunData) -> None:
    """Score the split that the metrics are of; for an unfinished run, the validation split.

    Never the test split before that: looking at it during training would mean selecting on it.
    """
    model, dataset = run.model, run.dataset
    split = run.split if run.state == "done" else "val"
    if model is None or dataset is None or not dataset.splits.get(split):
        return
    scored, loader = model.score(dataset.splits[split], keep_outputs=True)
    run.predictions = predictions_of(model.task, loader, scored)
    if run.state != "done":
        run.metrics = {"split": split, **scored.metrics}
