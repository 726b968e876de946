"""What a network said of each image of a split, beside the truth: predictions.csv.

Legend: N images, K outputs.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.samples import Samples
from onestop.data.sources.python import NAME
from onestop.errors import UsageError
from onestop.inference.score import Scored
from onestop.metrics.calibration import Calibration, calibration
from onestop.metrics.confusion import Matrix, confusion_matrix
from onestop.runtime.csv_files import csv_text, plain_cell
from onestop.runtime.files import write_atomic
from onestop.tasks import Classification, Task


@dataclass(frozen=True)
class Verdict:
    """What was said of one image.

    Attributes:
        image: Its path, or `#` and its number.
        truth: Its class, or the number to predict as text.
        predicted: What was said.
        score: Probability of the class predicted; of a number, the number.
        correct: Whether the two are the same; None for numbers.
        loss: Cross entropy, or squared error.
        truth_score: Probability of the true class; None for numbers.
        second: The next likely class; empty where there is none.
        second_score: Its probability.
    """

    image: str
    truth: str
    predicted: str
    score: float
    correct: bool | None
    loss: float
    truth_score: float | None = None
    second: str = ""
    second_score: float | None = None

    @property
    def margin(self) -> float:
        """How much likelier the class predicted is than the next; small where it is a toss-up."""
        return self.score - (self.second_score or 0.0)


COLUMNS = tuple(field.name for field in dataclasses.fields(Verdict))


def trained_on(recipe: Mapping[str, Any], data_root: str | None = None) -> Dataset:
    """The data of a run, cut into splits as it was then.

    Args:
        recipe: Settings of the run.
        data_root: Where sets known by name lie now (default: where they lay then).

    Raises:
        OneStopError: It came from Python, or is not there any more.
    """
    if recipe.get("source", NAME) == NAME:
        raise UsageError("the model was trained on data given in Python; name images with --data")
    return open_data(
        recipe["source"],
        root=data_root or recipe["data_root"],
        val_fraction=recipe["val_fraction"],
        seed=recipe["seed"],
    )


def judge(task: Task, samples: Samples, scored: Scored) -> list[Verdict]:
    """A verdict an image, in the order of the split.

    Args:
        task: What the outputs mean.
        samples: The split.
        scored: Its outputs [N, K] and the numbers of its images.
    """
    if scored.outputs is None:
        return []
    targets = samples.targets.batch(np.asarray(scored.indices))
    losses = task.losses(scored.outputs, targets).tolist()
    classes = isinstance(task, Classification)
    found = []
    for index, loss, guesses in zip(
        scored.indices, losses, task.decode(scored.outputs, 2), strict=True
    ):
        best, *rest = guesses
        truth = ", ".join(samples.targets.words(index))
        second = rest[0] if rest and classes else None
        found.append(
            Verdict(
                image=samples.name(index),
                truth=truth,
                predicted=best.label,
                score=best.score,
                correct=best.label == truth if classes else None,
                loss=loss,
                truth_score=float(np.exp(-loss)) if classes else None,
                second=second.label if second else "",
                second_score=second.score if second else None,
            )
        )
    return found


def matrix_of(verdicts: Sequence[Verdict], classes: Sequence[str]) -> Matrix:
    """The confusion matrix [K, K] of what was said."""
    truths = [verdict.truth for verdict in verdicts]
    return confusion_matrix(truths, [verdict.predicted for verdict in verdicts], classes)


def calibration_of(verdicts: Sequence[Verdict]) -> Calibration:
    """Whether what was said was right as often as its probability says."""
    scores = [verdict.score for verdict in verdicts]
    return calibration(scores, [bool(verdict.correct) for verdict in verdicts])


def write_verdicts(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write predictions.csv, whole or not at all."""
    write_atomic(path, csv_text(COLUMNS, map(_row, verdicts), header=True))


def _row(verdict: Verdict) -> dict[str, object]:
    row: dict[str, object] = dict(vars(verdict))
    for name in ("score", "loss", "truth_score", "second_score"):
        row[name] = "" if row[name] is None else f"{row[name]:.6g}"
    row["correct"] = "" if verdict.correct is None else int(verdict.correct)
    return row


def read_verdicts(path: Path) -> list[Verdict]:
    """Read predictions.csv back.

    Raises:
        UsageError: It is damaged, or an earlier version wrote it, with fewer columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_verdict(row) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError, csv.Error):
        raise UsageError(f"{path}: has other columns than this version writes") from None


def _verdict(row: dict[str, str]) -> Verdict:
    return Verdict(
        image=plain_cell(row["image"]),
        truth=plain_cell(row["truth"]),
        predicted=plain_cell(row["predicted"]),
        score=float(row["score"]),
        correct=bool(int(row["correct"])) if row["correct"] else None,
        loss=float(row["loss"]),
        truth_score=float(row["truth_score"]) if row["truth_score"] else None,
        second=plain_cell(row["second"]),
        second_score=float(row["second_score"]) if row["second_score"] else None,
    )
