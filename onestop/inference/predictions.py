"""Predictions for each image of a split, next to the truth: predictions.csv.

Legend: N images.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data.loader import Loader
from onestop.errors import UsageError
from onestop.inference.score import Scored
from onestop.reading import read_text
from onestop.runtime.csv_files import csv_text
from onestop.runtime.files import write_atomic
from onestop.tasks import Prediction, Task
from onestop.tasks.task import named

_MOST = 2**28  # bytes of predictions.csv: 256 MiB
_ONE = 1 + 1e-6  # a probability of 1, rounded
_RANKED = 2  # labels per image: the best and the second


def predictions_of(task: Task[Any], loader: Loader, scored: Scored) -> list[Prediction]:
    """One prediction per image, in the order of the split.

    Args:
        task: What the outputs mean.
        loader: Of the split.
        scored: Its outputs and the indices of its images.
    """
    if scored.outputs is None:
        return []
    predictions = task.describe(scored.outputs, targets_of(loader, scored), _RANKED)
    return named(predictions, map(loader.samples.name, scored.indices))


def reliability_of(task: Task[Any], loader: Loader, scored: Scored) -> dict[str, Any]:
    """Whether the probabilities of a split can be relied on: `calibration` in metrics.json.

    Empty if the task has no probabilities.
    """
    if scored.outputs is None:
        return {}
    values = task.reliability(scored.outputs, targets_of(loader, scored))
    return {"calibration": values} if values else {}


def targets_of(loader: Loader, scored: Scored) -> Any:
    """The targets of the images that were scored, in the order of the outputs."""
    indices = np.asarray(scored.indices, np.int64)
    return loader.samples.targets.batch(indices, None, loader.preprocessing)


def write_predictions(path: Path, task: Task[Any], predictions: Sequence[Prediction]) -> None:
    """Write predictions.csv atomically."""
    write_atomic(path, csv_text(task.columns(), map(task.to_row, predictions), header=True))


def read_predictions(path: Path, task: Task[Any]) -> list[Prediction]:
    """Read predictions.csv back.

    Raises:
        UsageError: It is damaged, or an earlier version wrote it, with fewer columns.
    """
    try:
        lines = io.StringIO(read_text(path, _MOST), newline="")
        predictions = [task.from_row(row) for row in csv.DictReader(lines)]
        if all(map(_is_possible, predictions)):
            return predictions
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        pass
    raise UsageError(f"{path}: is damaged, or was written by another version")


def _is_possible(prediction: Prediction) -> bool:
    """Whether the numbers of a prediction from a file are finite, and its probabilities in [0, 1]."""
    numbers = [label.score for label in prediction.labels if label.number]
    shares = [label.score for label in prediction.labels if not label.number]
    shares += [] if prediction.truth_score is None else [prediction.truth_score]
    numbers += [] if prediction.loss is None else [prediction.loss]
    return all(map(math.isfinite, numbers)) and all(0 <= share <= _ONE for share in shares)
