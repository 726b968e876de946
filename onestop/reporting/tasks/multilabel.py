"""The report of a network that predicts several labels per image: metrics per label, and errors.

Legend: N images, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from onestop.figures.multilabel import SHOWN, co_occurrence_figure
from onestop.figures.precision_recall import PANELS, precision_recall_figure, weakest_labels
from onestop.metrics.label_pairs import (
    LabelErrors,
    co_occurrence,
    error_pairs,
    invented_labels,
    missed_labels,
)
from onestop.metrics.map_intervals import map_difference, map_interval
from onestop.metrics.multilabel import (
    FEW_POSITIVES,
    Counts,
    average_precision,
    label_counts,
    precision_recall_curve,
    predicted_labels,
)
from onestop.reporting.blocks import Block, Gallery, Section, Share, Table, Text, plot
from onestop.reporting.classes import shares_of
from onestop.reporting.images import pictures_of
from onestop.reporting.labels import label_table
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.tasks import Prediction
from onestop.tasks.labels_meter import Truth
from onestop.tasks.labels_prediction import LabelsPrediction, Probabilities, as_labels
from onestop.tasks.multilabel import Multilabel, metrics_of, scores_and_truth
from onestop.text import plural

_GALLERY = 12  # pictures in a gallery
_ROWS = 8  # rows of the tables of missed and of invented labels
_HEAT = (
    "The second picture of each shows the regions that support this label (Grad-CAM, Selvaraju et al. "
    "2017); warmer colours mean more support, grey means none."
)


class MultilabelReport(TaskReport):
    """Mean average precision with its interval, labels, thresholds, missed and invented labels."""

    share: ClassVar[str] = "exact match"
    right: ClassVar[str] = "entirely right"

    def result(self, run: RunData) -> str:
        metrics, images = run.metrics, run.metrics["images"]
        exact = round(metrics["exact_match"] * images)
        (share,) = shares_of([exact], [images])
        interval = ""
        if run.predictions:
            low, high = map_interval(*scores_and_truth(run.predictions, run.names))
            interval = f" (95% confidence interval {low:.1%} to {high:.1%})"
        return (
            f"reaches a mean average precision (mAP) of {metrics['map']:.1%} on {self.held_out(run)}"
            f"{interval}; all labels are correct on {exact:,} of them: exact match {share} "
            f"({share.low:.1%} to {share.high:.1%})"
        )

    def remarks(self, run: RunData) -> list[str]:
        """Baselines for mAP and exact match, and whether the metrics are optimistic."""
        if not run.predictions:
            return []
        truth = scores_and_truth(run.predictions, run.names)[1]
        chance = truth.mean(0)[truth.any(0)].mean() if truth.any() else 0.0
        empty = float((~truth.any(1)).mean())
        remarks = [f"Random scores would have an mAP of about {chance:.1%}."]
        if empty:
            remarks.append(
                f"Never predicting a label would be right for {empty:.1%} of the images."
            )
        if run.split == "val":
            remarks.append(
                "The thresholds were chosen on the same images, so F1 and exact match are optimistic; "
                "mAP does not depend on thresholds."
            )
        return remarks

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:  # noqa: ARG002
        if not run.predictions:
            return []
        task = _task(run)
        scores, truth = scores_and_truth(run.predictions, run.names)
        predicted = predicted_labels(scores, np.asarray(task.thresholds))
        counts, together = label_counts(predicted, truth), co_occurrence(truth)
        ap = average_precision(scores, truth)
        missed = missed_labels(counts, error_pairs(~predicted & truth, truth), together, _ROWS)
        invented = invented_labels(counts, error_pairs(predicted & ~truth, truth), together, _ROWS)
        return [
            Section("labels", "Labels", label_table(run, counts, task.thresholds, ap)),
            Section("precision-recall", "Precision-recall curves", _curves(run, scores, truth)),
            Section("missed", "Missed labels (false negatives)", _missed(run, missed)),
            Section("invented", "Invented labels (false positives)", _invented(run, invented)),
            Section("together", "Labels that occur together", _together(run, together)),
        ]

    def cell(self, run: RunData) -> str:
        low, high = map_interval(*scores_and_truth(run.predictions, run.names))
        return f"mAP {run.metrics['map']:.1%} ({low:.1%} to {high:.1%})"

    def differences(self, first: RunData, second: RunData) -> Sequence[str]:
        """The difference in mean average precision on the images that both runs were scored on."""
        by_image = {(p.image, p.truth): p for p in first.predictions}
        theirs = [p for p in second.predictions if (p.image, p.truth) in by_image]
        ours = [by_image[p.image, p.truth] for p in theirs]
        if first.names != second.names or not ours:
            return ()
        (one, truth), (other, _) = (scores_and_truth(both, first.names) for both in (ours, theirs))
        low, high = map_difference(one, other, truth)
        values = [float(np.nanmean(average_precision(s, truth))) for s in (one, other)]
        names = [run.name or run.folder.name for run in (first, second)]
        significance = "significant" if low > 0 or high < 0 else "not significant"
        return [
            f"mAP is {values[0]:.1%} for {names[0]} and {values[1]:.1%} for {names[1]}: "
            f"{values[1] - values[0]:+.1%} (95% confidence interval {low:+.1%} to {high:+.1%}, "
            f"bootstrap over {plural(len(ours), 'image')}), {significance}."
        ]

    def shares(self, run: RunData) -> Mapping[str, Share]:
        scores, truth = scores_and_truth(run.predictions, run.names)
        counts = label_counts(predicted_labels(scores, np.asarray(_task(run).thresholds)), truth)
        images = counts.tp + counts.fn
        recalls = zip(run.names, shares_of(counts.tp.tolist(), images.tolist()), strict=True)
        return {name: recall for k, (name, recall) in enumerate(recalls) if images[k]}

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """The predicted labels, and the true ones."""
        predicted, _ = prediction.title()
        return [*predicted.split("\n"), f"has {prediction.truth_text}"]


REPORT = MultilabelReport()


def _task(run: RunData) -> Multilabel:
    task = run.task
    assert isinstance(task, Multilabel)
    return task


def _curves(run: RunData, scores: Probabilities, truth: Truth) -> list[Block]:
    per_label = metrics_of(scores, truth, _task(run))["per_label"]
    shown = weakest_labels(per_label)
    curves = {
        name: precision_recall_curve(scores[:, k], truth[:, k])
        for k, name in enumerate(run.names)
        if name in shown
    }
    many = len(run.names) > PANELS
    part = f"The {len(shown)} labels with the lowest average precision (AP). " if many else ""
    text = (
        f"{part}Each point of a curve is a threshold: lower thresholds have higher recall and usually "
        "lower precision. The thresholds in use have the highest F1 on the validation images; labels "
        f"with fewer than {FEW_POSITIVES} of them keep 50%."
    )
    alt = "Precision over recall; average precision: " + ", ".join(
        f"{name} {per_label[name]['ap']:.1%}" for name in shown
    )
    return [Text(text), plot(precision_recall_figure(curves, per_label), "precision-recall", alt)]


def _together(run: RunData, together: Counts) -> list[Block]:
    if len(run.names) < 2:
        return []
    pairs = np.triu(together, 1)
    best = np.argsort(-pairs, axis=None, kind="stable")[:5]
    places = [divmod(int(place), len(run.names)) for place in best]
    texts = [f"{run.names[a]} and {run.names[b]} {pairs[a, b]:,}" for a, b in places if pairs[a, b]]
    alt = f"Images with both labels: {'; '.join(texts) or 'none'}"
    many = len(run.names) > SHOWN
    part = (
        f"{SHOWN} of {len(run.names):,} labels, those of the most frequent pairs. " if many else ""
    )
    caption = (
        f"{part}Numbers count images with both labels, or, on the diagonal, with the label; colours "
        "show fractions of a row."
    )
    return [plot(co_occurrence_figure(together, run.names), "together", alt, caption)]


def _missed(run: RunData, errors: Sequence[LabelErrors]) -> list[Block]:
    wrong = [p for p in map(as_labels, run.predictions) if p.missed]
    wrong.sort(key=lambda p: p.score_of(p.missed[0]))
    intro = (
        "The images with the lowest probability of a label that they have. Labels that are wrong in "
        "the data often show up here."
    )
    return [
        *_errors(run, errors, "No label is missed.", "The labels missed most often"),
        *_gallery(run, wrong, intro, lambda p: p.missed[0], "missed"),
    ]


def _invented(run: RunData, errors: Sequence[LabelErrors]) -> list[Block]:
    wrong = [p for p in map(as_labels, run.predictions) if p.invented]
    wrong.sort(key=lambda p: -p.score_of(p.invented[0]))
    intro = (
        "The images with the highest probability of a label that they do not have. Labels that are "
        "missing in the data often show up here."
    )
    return [
        *_errors(run, errors, "No label is invented.", "The labels invented most often"),
        *_gallery(run, wrong, intro, lambda p: p.invented[0], "invented"),
    ]


def _errors(run: RunData, errors: Sequence[LabelErrors], none: str, intro: str) -> list[Block]:
    """The labels with the most errors of a kind, and the labels associated with these."""
    if not errors:
        return [Text(none)]
    rows = [
        (
            run.names[error.label], f"{error.images:,}",
            ", ".join(f"{run.names[k]} {count:,}" for k, count in error.associated),
        )
        for error in errors
    ]  # fmt: skip
    text = (
        f"{intro}, and other labels that these images have significantly more often than the rest, "
        "with the number of images."
    )
    return [Text(text), Table(("label", "images", "associated labels"), rows, "")]


def _gallery(
    run: RunData,
    wrong: Sequence[LabelsPrediction],
    intro: str,
    label_of: Callable[[LabelsPrediction], str],
    verb: str,
) -> list[Block]:
    """Pictures with heat maps of the wrong label if the images are available, else a table."""
    if not wrong:
        return []

    def lines(prediction: Prediction) -> Sequence[str]:
        labels = as_labels(prediction)
        name = label_of(labels)
        error = f"{verb}: {name} {labels.score_of(name):.1%}"
        return [error, f"has {labels.truth_text}", f"predicted {labels.predicted_text}"]

    shown, pictures = wrong[:_GALLERY], pictures_of(run, lines)
    if pictures is None:
        rows = [(p.image, *lines(p)) for p in shown]
        return [Text(intro), Table(("image", "error", "truth", "prediction"), rows, "", _GALLERY)]
    tiles = pictures.explained(shown, "bad", lambda p: label_of(as_labels(p)))
    return [Text(f"{intro} {_HEAT}"), Gallery(tiles)]
