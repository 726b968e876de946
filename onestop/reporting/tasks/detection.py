"""The report of a detector: average precision, classes, confusion, worst images, sizes of objects.

Legend: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from onestop.figures.confusion import SHOWN, confusion_figure
from onestop.figures.precision_recall import PANELS, precision_recall_figure, weakest_labels
from onestop.figures.sizes import size_figure
from onestop.metrics.ap_intervals import ap_difference, ap_interval
from onestop.metrics.matches import (
    DEFAULT_THRESHOLD,
    FEW,
    average_precisions,
    confusion,
    matches_of,
    over_thresholds,
    paired,
)
from onestop.metrics.objects import ImageObjects
from onestop.reporting.blocks import Block, Gallery, Section, Share, Table, Text, plot
from onestop.reporting.classes import shares_of
from onestop.reporting.images import pictures_of, prediction_table
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.tasks import Prediction
from onestop.tasks.detection import Detection, class_rows, curve_of, objects_of
from onestop.tasks.objects_prediction import ObjectsPrediction, as_objects
from onestop.text import plural

_GALLERY = 8  # images in a gallery
BACKGROUND = "(background)"


class DetectionReport(TaskReport):
    """Average precision with its interval, classes, curves, confusion, worst images, sizes."""

    share: ClassVar[str] = "images without an error"
    right: ClassVar[str] = "entirely right"

    def result(self, run: RunData) -> str:
        metrics, interval = run.metrics, ""
        if run.predictions and "ap" in metrics:
            low, high = ap_interval(_matches(run))
            interval = f" (95% confidence interval {low:.1%} to {high:.1%})"
        if "ap" not in metrics:
            return f"was scored on {self.held_out(run)}, in which there are no objects"
        parts = [
            f"reaches an average precision (AP) of {metrics['ap']:.1%} on {self.held_out(run)} with "
            f"{plural(metrics['objects'], 'object')}{interval}; at an overlap of 0.5 (AP50) "
            f"{metrics['ap50']:.1%}"
        ]
        others = [("masks", "ap_mask"), ("key points", "ap_points")]
        parts += [f"AP of {what} {metrics[name]:.1%}" for what, name in others if name in metrics]
        return "; ".join(parts)

    def remarks(self, run: RunData) -> list[str]:
        """Thresholds chosen on the same images, and what key points are scored with."""
        remarks, task = [], _task(run)
        if run.split == "val":
            remarks.append(
                "The thresholds were chosen on the same images, so precision and recall are "
                "optimistic; AP does not depend on thresholds."
            )
        if task.points:
            sigmas = sorted({round(sigma, 4) for sigma in task.sigmas})
            remarks.append(
                f"Key points are scored with sigmas of {', '.join(map(str, sigmas))}: how far off "
                "they may be, relative to the object's size."
            )
        return remarks

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:  # noqa: ARG002
        if not run.predictions:
            return []
        return [
            Section("classes", "Classes", _classes(run)),
            Section("precision-recall", "Precision-recall curves", _curves(run)),
            Section("confusion", "Confusion matrix", _confusion(run)),
            Section("worst", "Worst images", _worst(run)),
            Section("sizes", "Sizes of objects", _sizes(run)),
        ]

    def cell(self, run: RunData) -> str:
        low, high = ap_interval(_matches(run))
        return f"AP {run.metrics['ap']:.1%} ({low:.1%} to {high:.1%})"

    def differences(self, first: RunData, second: RunData) -> Sequence[str]:
        """The difference in average precision on the images that both runs were scored on."""
        theirs = {p.image: p for p in map(as_objects, second.predictions)}
        both = [p for p in map(as_objects, first.predictions) if p.image in theirs]
        if first.names != second.names or not both:
            return ()
        others = [theirs[p.image] for p in both]
        one, other = (matches_of(*objects_of(those), len(first.names)) for those in (both, others))
        low, high = ap_difference(one, other)
        values = [float(np.nanmean(average_precisions(m))) for m in (one, other)]
        names = [run.name or run.folder.name for run in (first, second)]
        significance = "significant" if low > 0 or high < 0 else "not significant"
        return [
            f"AP is {values[0]:.1%} for {names[0]} and {values[1]:.1%} for {names[1]}: "
            f"{values[1] - values[0]:+.1%} (95% confidence interval {low:+.1%} to {high:+.1%}, "
            f"bootstrap over {plural(len(both), 'image')}), {significance}."
        ]

    def shares(self, run: RunData) -> Mapping[str, Share]:
        """The recall of each class at its threshold."""
        rows = _rows(run)
        names = [name for name in run.names if rows[name]["objects"]]
        hits = [round((rows[n]["recall"] or 0) * rows[n]["objects"]) for n in names]
        shares = shares_of(hits, [rows[n]["objects"] for n in names])
        return dict(zip(names, shares, strict=True))

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """What is predicted, and what there is."""
        return [prediction.predicted_text, f"is {prediction.truth_text}"]


REPORT = DetectionReport()


def _task(run: RunData) -> Detection:
    task = run.task
    assert isinstance(task, Detection)
    return task


def _matches(run: RunData) -> Any:
    return matches_of(*objects_of(run.predictions), len(run.names))


def _rows(run: RunData) -> dict[str, dict[str, Any]]:
    return class_rows(*objects_of(run.predictions), _task(run))


def _classes(run: RunData) -> list[Block]:
    rows = []
    for name, row in _rows(run).items():
        shares = ["-" if row[k] is None else f"{row[k]:.1%}" for k in _COLUMNS]
        rows.append((name, f"{row['objects']:,}", *shares, f"{row['threshold']:.1%}"))
    caption = (
        "AP is the mean over ten overlaps from 0.5 to 0.95, AR the recall likewise, with up to 100 "
        "objects per image and class. Precision and recall are those at the threshold, at an overlap "
        f"of 0.5; it has the highest F1 on the validation images (with fewer than {FEW} objects, "
        f"{DEFAULT_THRESHOLD:.0%})."
    )
    titles = ("class", "objects", "AP", "AP50", "AR", "precision", "recall", "threshold")
    return [Table(titles, rows, caption)]


_COLUMNS = ("ap", "ap50", "ar", "precision", "recall")


def _curves(run: RunData) -> list[Block]:
    rows, matches = _rows(run), _matches(run)
    shown = weakest_labels(rows)
    curves = {n: curve_of(matches, k) for k, n in enumerate(run.names) if n in shown}
    many = len(run.names) > PANELS
    part = f"The {len(shown)} classes with the lowest AP. " if many else ""
    text = f"{part}Each point of a curve is a threshold of the score, at an overlap of 0.5."
    alt = "Precision over recall; average precision: " + ", ".join(
        f"{name} {rows[name]['ap']:.1%}" for name in shown
    )
    figure = precision_recall_figure(curves, rows, chance=False)
    return [Text(text), plot(figure, "precision-recall", alt)]


def _confusion(run: RunData) -> list[Block]:
    truths, found = objects_of(run.predictions)
    shown = [over_thresholds(one, _task(run).thresholds) for one in found]
    matrix = confusion(truths, shown, len(run.names))
    missed, invented = int(matrix[:, -1].sum()), int(matrix[-1].sum())
    swapped = int(matrix[:-1, :-1].sum() - np.trace(matrix[:-1, :-1]))
    text = (
        f"{plural(missed, 'object')} missed, {invented:,} invented, {swapped:,} in the right place "
        "with another class."
    )
    caption = (
        f"Rows are true classes, columns predicted ones; {BACKGROUND} stands for nothing there. "
        "Colours show fractions of a row, numbers count objects."
    )
    many = len(run.names) > SHOWN
    caption = (f"{SHOWN} classes, those most often confused. " if many else "") + caption
    names = (*run.names, BACKGROUND)
    return [Text(text), plot(confusion_figure(matrix, names), "confusion", text, caption)]


def _worst(run: RunData) -> list[Block]:
    """The images with most errors: predicted objects, and beside them the true ones."""
    counted = [(errors_of(p), p) for p in map(as_objects, run.predictions) if p.true is not None]
    wrong = [(errors, p) for errors, p in counted if any(errors)]
    if not wrong:
        return [Text("There are none: every object is found, and nothing else.")]
    wrong.sort(key=lambda pair: -sum(pair[0]))
    worst: list[Prediction] = [p for _, p in wrong[:_GALLERY]]
    intro = (
        "Images with the most objects that are missed, invented or of another class. The first picture "
        "shows what is predicted, the second the truth."
    )
    rows = [(p.image, *(f"{count:,}" for count in errors)) for errors, p in wrong[: 2 * _GALLERY]]
    table = Table(("image", "missed", "invented", "other class"), rows, "", _GALLERY)
    pictures = pictures_of(run)
    if pictures is None:
        return [Text(intro), table, prediction_table(worst, "", _GALLERY)]
    return [Text(intro), Gallery(pictures.compared(worst, "bad")), table]


def errors_of(prediction: ObjectsPrediction) -> tuple[int, int, int]:
    """Objects of an image that are missed, invented, and of another class than predicted."""
    true, shown = prediction.true or ImageObjects(prediction.found.size), prediction.objects
    pairs, ignored = paired(true, shown)
    swapped = sum(true.classes[j] != shown.classes[i] for i, j in pairs)
    missed = int((~true.crowds).sum()) - len(pairs)
    return missed, len(shown) - len(pairs) - len(ignored), int(swapped)


def _sizes(run: RunData) -> list[Block]:
    """How many objects of which size there are, and how many of them are found."""
    sides, hits = [], []
    for prediction in map(as_objects, run.predictions):
        if prediction.true is None:
            continue
        true, shown = prediction.true, prediction.objects
        pairs, _ = paired(true, shown)
        right = {j for i, j in pairs if true.classes[j] == shown.classes[i]}
        for j in np.flatnonzero(~true.crowds).tolist():
            sides.append(float(np.sqrt(true.areas[j])))
            hits.append(j in right)
    if not sides:
        return [Text("There are no objects.")]
    text = (
        "Objects by their size, the square root of their area in pixels of the image: how many there "
        "are, and the fraction that is found with its class at an overlap of 0.5."
    )
    alt = f"Recall over size of {len(sides):,} objects, {np.mean(hits):.1%} of all found"
    return [Text(text), plot(size_figure(np.array(sides), np.array(hits)), "sizes", alt)]
