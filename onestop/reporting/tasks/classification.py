"""What a report says of classes: which are found, which are taken for which, and how sure that is."""

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

_PAIRS, _OF_A_PAIR = 6, 3  # confused pairs with pictures, and pictures of each
_GALLERY = 12  # pictures of a gallery
_HEAT = (
    "The second picture of each shows what spoke for the class that was predicted (Grad-CAM, Selvaraju "
    "et al. 2017): the warmer, the more."
)
_COLUMNS = ("truth", "predicted", "images")  # of confusion.csv


class ClassificationReport(TaskReport):
    """Accuracy with its interval, classes, confusions, mistakes, and calibration."""

    share: ClassVar[str] = "accuracy"

    def result(self, run: RunData) -> str:
        accuracy, images = run.metrics["accuracy"], run.metrics["images"]
        correct = round(accuracy * images)
        low, high = (float(end) for end in wilson(correct, images))
        return (
            f"names {correct:,} of {self.held_out(run)} right: "
            f"accuracy {accuracy:.1%}, with 95% confidence between {low:.1%} and {high:.1%}"
        )

    def remarks(self, run: RunData) -> list[str]:
        """What the accuracy is to be compared with: always predicting the most frequent class."""
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
            Section("confusion", "What is taken for what", _confusion(run, prefix + CONFUSION)),
            Section("pairs", "Most confused pairs", _pairs(run)),
            Section("mistakes", "Worst mistakes", _mistakes(run)),
            Section("uncertain", "Least certain", _uncertain(run)),
            Section("calibration", "Is it as sure as it is right?", _calibration(run)),
        ]

    def files(self, run: RunData) -> Mapping[str, str]:
        """The numbers of the confusion matrix."""
        return {CONFUSION: _pairs_csv(run)} if run.predictions else {}

    def cell(self, run: RunData) -> Share:
        correct, images = sum(bool(p.correct) for p in run.predictions), len(run.predictions)
        low, high = wilson(correct, images)
        return Share(correct / images, float(low), float(high))

    def shares(self, run: RunData) -> Mapping[str, Share]:
        return recalls(run)

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """What was predicted, and the likeliest other class: the true one unless that was predicted."""
        lines = [f"{prediction.label} {prediction.score:.0%}", f"is {prediction.truth_text}"]
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
    said = "; ".join(f"{names[t]} as {names[p]} {count:,} times" for t, p, count in shown)
    alt = f"Confusion matrix. {said or 'Nothing is taken for anything else.'}"
    many = len(names) > SHOWN
    part = f"{SHOWN} of {len(names):,} classes, those of the most confused pairs. " if many else ""
    caption = f"{part}Colours are shares of a row, numbers are images; all of them are in {file}."
    return [plot(confusion_figure(matrix, names), "confusion", alt, caption)]


def _pairs(run: RunData) -> list[Block]:
    names = run.names
    pairs = confused_pairs(matrix_of(run.predictions, names), _PAIRS)
    if not pairs:
        return [Text("No image was taken for another class.")]
    blocks: list[Block] = []
    pictures = pictures_of(run)
    for truth, predicted, count in pairs:
        title = f"{names[truth]}, taken for {names[predicted]}: {plural(count, 'time')}"
        pair = (names[truth], names[predicted])
        images = [p for p in run.predictions if (p.truth_text, p.label) == pair]
        images.sort(key=lambda p: -p.score)
        tiles = pictures.tiles(images[:_OF_A_PAIR], "bad") if pictures else []
        blocks.append(Gallery(tiles, title))
    return blocks


def _mistakes(run: RunData) -> list[Block]:
    wrong = [p for p in run.predictions if p.correct is False]
    if not wrong:
        return [Text("There are none: every held-out image is named right.")]
    wrong.sort(key=lambda p: -(p.loss or 0.0))
    how = (
        "Those of the highest loss: where the network was surest of something wrong. Wrong labels are "
        "often found here."
    )
    return _looked_into(run, wrong[:_GALLERY], how, "bad")


def _uncertain(run: RunData) -> list[Block]:
    if len(run.names) < 2:
        return []
    close = sorted(run.predictions, key=lambda p: p.margin)[:_GALLERY]
    how = "Those of which the two likeliest classes are nearest to each other, right or wrong."
    return _looked_into(run, close, how)


def _looked_into(
    run: RunData, predictions: list[Prediction], how: str, tone: Tone = ""
) -> list[Block]:
    """Pictures with heat maps if there are pictures, else a table."""
    pictures = pictures_of(run)
    if pictures is None:
        return [Text(how), prediction_table(predictions, "", _GALLERY)]
    return [Text(f"{how} {_HEAT}"), Gallery(pictures.explained(predictions, tone))]


def _calibration(run: RunData) -> list[Block]:
    curve = calibration_of(run.predictions)
    lean = "too sure of itself" if curve.overconfidence > 0 else "right more often than it says"
    said = (
        f"The expected calibration error is {curve.error:.1%}: by so much its probabilities are off, "
        f"on the mean over all images (Guo et al. 2017, {len(curve.counts)} bins). "
        + (
            f"On the whole it is {lean}."
            if curve.error > 0.02
            else "They can be taken at their word."
        )
    )
    alt = f"Reliability curve: expected calibration error {curve.error:.1%}, on the whole {lean}"
    return [Text(said), plot(calibration_figure(curve), "calibration", alt)]


def _pairs_csv(run: RunData) -> str:
    """A row for each class and what it was taken for, itself included, if any image was."""
    names = run.names
    matrix = matrix_of(run.predictions, names)
    correct = [(k, k, int(matrix[k, k])) for k in range(len(names)) if matrix[k, k]]
    rows = [
        {"truth": names[truth], "predicted": names[said], "images": count}
        for truth, said, count in sorted([*correct, *confused_pairs(matrix)])
    ]
    return csv_text(_COLUMNS, rows, header=True)
