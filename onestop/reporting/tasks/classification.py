"""The report of a classifier: metrics per class, confusion, mistakes and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from onestop.figures.calibration import calibration_figure
from onestop.figures.confusion import SHOWN, confusion_figure
from onestop.metrics.confusion import confused_pairs
from onestop.metrics.intervals import wilson
from onestop.reporting.blocks import Block, Gallery, Section, Share, Text, Tone, plot
from onestop.reporting.classes import class_table, recalls
from onestop.reporting.images import pictures_of, prediction_table
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.runtime.csv_files import csv_text
from onestop.storage.run_folder import CONFUSION
from onestop.tasks import Prediction
from onestop.tasks.classification import calibration_of, matrix_of
from onestop.text import plural

_PAIRS, _OF_A_PAIR = 6, 3  # confused pairs with pictures, and pictures per pair
_GALLERY = 12  # pictures in a gallery
_HEAT = (
    "The second picture of each shows the regions that support the predicted class (Grad-CAM, "
    "Selvaraju et al. 2017); warmer colours mean more support."
)
_COLUMNS = ("truth", "predicted", "images")  # of confusion.csv


class ClassificationReport(TaskReport):
    """Accuracy with its interval, classes, confusion, mistakes, and calibration."""

    share: ClassVar[str] = "accuracy"

    def result(self, run: RunData) -> str:
        accuracy, images = run.metrics["accuracy"], run.metrics["images"]
        correct = round(accuracy * images)
        low, high = (float(end) for end in wilson(correct, images))
        return (
            f"classifies {correct:,} of {self.held_out(run)} correctly: "
            f"accuracy {accuracy:.1%} (95% confidence interval {low:.1%} to {high:.1%})"
        )

    def remarks(self, run: RunData) -> list[str]:
        """The baseline for the accuracy: always predicting the most frequent class."""
        if not run.predictions:
            return []
        truths = [prediction.truth_text for prediction in run.predictions]
        names, counts = np.unique(truths, return_counts=True)
        share, name = counts.max() / counts.sum(), str(names[counts.argmax()])
        digits = 1 if share < 0.1 else 0
        return [f"Always predicting {name!r} would be right {share:.{digits}%} of the time."]

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:
        if not run.predictions:
            return []
        return [
            Section("classes", "Classes", class_table(run)),
            Section("confusion", "Confusion matrix", _confusion(run, prefix + CONFUSION)),
            Section("pairs", "Most confused pairs", _pairs(run)),
            Section("mistakes", "Worst mistakes", _mistakes(run)),
            Section("uncertain", "Least certain predictions", _uncertain(run)),
            Section("calibration", "Calibration", _calibration(run)),
        ]

    def files(self, run: RunData) -> Mapping[str, str]:
        """The counts of the confusion matrix."""
        return {CONFUSION: _pairs_csv(run)} if run.predictions else {}

    def cell(self, run: RunData) -> Share:
        correct, images = sum(bool(p.correct) for p in run.predictions), len(run.predictions)
        low, high = wilson(correct, images)
        return Share(correct / images, float(low), float(high))

    def shares(self, run: RunData) -> Mapping[str, Share]:
        return recalls(run)

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """The predicted class, and the true class, or if correct the second most likely one."""
        lines = [
            f"{prediction.label} {prediction.labels[0].score:.0%}",
            f"is {prediction.truth_text}",
        ]
        second = prediction.second
        if prediction.correct and second:
            lines[1] = f"or {second.name} {second.score:.0%}"
        elif not prediction.correct and prediction.truth_score is not None:
            lines[1] += f" {prediction.truth_score:.0%}"
        return lines


REPORT = ClassificationReport()


def _confusion(run: RunData, file: str) -> list[Block]:
    names = run.names
    matrix = matrix_of(run.predictions, names)
    wrong = confused_pairs(matrix)
    shown = wrong[: 2 * _PAIRS] if len(names) > SHOWN else wrong[:_PAIRS]
    text = "; ".join(f"{names[t]} as {names[p]} {count:,} times" for t, p, count in shown)
    alt = f"Confusion matrix. {text or 'No class is mistaken for another.'}"
    many = len(names) > SHOWN
    part = f"{SHOWN} of {len(names):,} classes, those most often confused. " if many else ""
    caption = (
        f"{part}Colours show fractions of a row, numbers count images; all counts are in {file}."
    )
    return [plot(confusion_figure(matrix, names), "confusion", alt, caption)]


def _pairs(run: RunData) -> list[Block]:
    names = run.names
    pairs = confused_pairs(matrix_of(run.predictions, names), _PAIRS)
    if not pairs:
        return [Text("No image is misclassified.")]
    blocks: list[Block] = []
    pictures = pictures_of(run)
    for truth, predicted, count in pairs:
        title = f"{names[truth]} mistaken for {names[predicted]}: {plural(count, 'time')}"
        pair = (names[truth], names[predicted])
        images = [p for p in run.predictions if (p.truth_text, p.label) == pair]
        images.sort(key=lambda p: -p.labels[0].score)
        tiles = pictures.tiles(images[:_OF_A_PAIR], "bad") if pictures else []
        blocks.append(Gallery(tiles, title))
    return blocks


def _mistakes(run: RunData) -> list[Block]:
    wrong = [p for p in run.predictions if p.correct is False]
    if not wrong:
        return [Text("There are none: every held-out image is classified correctly.")]
    wrong.sort(key=lambda p: -(p.loss or 0.0))
    intro = (
        "The predictions with the highest loss, where the network is most confident of a wrong class. "
        "Wrong labels often show up here."
    )
    return _explained(run, wrong[:_GALLERY], intro, "bad")


def _uncertain(run: RunData) -> list[Block]:
    if len(run.names) < 2:
        return []
    close = sorted(run.predictions, key=lambda p: p.margin)[:_GALLERY]
    intro = (
        "The images, right or wrong, whose two most likely classes have the closest probabilities."
    )
    return _explained(run, close, intro)


def _explained(
    run: RunData, predictions: list[Prediction], intro: str, tone: Tone = ""
) -> list[Block]:
    """Pictures with heat maps if the images are available, else a table."""
    pictures = pictures_of(run)
    if pictures is None:
        return [Text(intro), prediction_table(predictions, "", _GALLERY)]
    return [Text(f"{intro} {_HEAT}"), Gallery(pictures.explained(predictions, tone))]


def _calibration(run: RunData) -> list[Block]:
    curve = calibration_of(run.predictions)
    bias = "overconfident" if curve.overconfidence > 0 else "underconfident"
    text = (
        f"The expected calibration error is {curve.error:.1%}: the mean difference between predicted "
        f"probability and accuracy (Guo et al. 2017, {len(curve.counts)} bins). "
        + (
            f"Overall, the network is {bias}."
            if curve.error > 0.02
            else "The probabilities are well calibrated."
        )
    )
    alt = f"Reliability curve: expected calibration error {curve.error:.1%}, overall {bias}"
    return [Text(text), plot(calibration_figure(curve), "calibration", alt)]


def _pairs_csv(run: RunData) -> str:
    """One row for each pair of a true and a predicted class with at least one image."""
    names = run.names
    matrix = matrix_of(run.predictions, names)
    correct = [(k, k, int(matrix[k, k])) for k in range(len(names)) if matrix[k, k]]
    rows = [
        {"truth": names[truth], "predicted": names[predicted], "images": count}
        for truth, predicted, count in sorted([*correct, *confused_pairs(matrix)])
    ]
    return csv_text(_COLUMNS, rows, header=True)
