"""What a report says of several labels per image: which are found, missed and invented, and how surely.

Legend: N images, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from onestop.figures.multilabel import (
    PANELS,
    SHOWN,
    co_occurrence_figure,
    precision_recall_figure,
    weakest_labels,
)
from onestop.metrics.label_pairs import (
    LabelErrors,
    co_occurrence,
    invented_labels,
    missed_labels,
    mistakes_beside,
)
from onestop.metrics.map_intervals import map_difference, map_interval
from onestop.metrics.multilabel import (
    FEW_POSITIVES,
    Counts,
    LabelCounts,
    average_precision,
    label_counts,
    precision_recall_curve,
    predicted_labels,
)
from onestop.reporting.blocks import Block, Gallery, Section, Share, Table, Text, plot
from onestop.reporting.images import pictures_of
from onestop.reporting.labels import label_table, share_of
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.tasks import Prediction
from onestop.tasks.labels_prediction import LabelsPrediction, Probabilities, labelled
from onestop.tasks.multilabel import Multilabel, Truth, measured, tables_of
from onestop.text import plural

_GALLERY = 12  # pictures of a gallery
_BESIDE = 8  # rows of labels that are missed or invented
_HEAT = (
    "The second picture of each shows what spoke for that label (Grad-CAM, Selvaraju et al. 2017): the "
    "warmer, the more; it stays grey if nothing did."
)


class MultilabelReport(TaskReport):
    """Mean average precision with its interval, labels, thresholds, and mistakes of both kinds."""

    share: ClassVar[str] = "exact match"
    right: ClassVar[str] = "entirely right"

    def result(self, run: RunData) -> str:
        metrics, images = run.metrics, run.metrics["images"]
        exact = round(metrics["exact_match"] * images)
        between = ""
        if run.predictions:
            low, high = map_interval(*tables_of(run.predictions, run.names))
            between = f", with 95% confidence between {low:.1%} and {high:.1%}"
        return (
            f"has mAP {metrics['map']:.1%} on {self.held_out(run)}{between}; it gets all labels right "
            f"for {exact:,} of them ({_share(exact, images)})"
        )

    def remarks(self, run: RunData) -> list[str]:
        """What the metrics are to be compared with, and where the thresholds come from."""
        if not run.predictions:
            return []
        truth = tables_of(run.predictions, run.names)[1]
        share = truth.mean(0)[truth.any(0)].mean() if truth.any() else 0.0
        empty = float((~truth.any(1)).mean())
        remarks = [f"Random probabilities would have mAP {share:.1%}."]
        if empty:
            remarks.append(
                f"Predicting no label at all would be right for {empty:.1%} of the images."
            )
        if run.split == "val":
            remarks.append(
                "The thresholds were chosen by these images too, so F1 and exact match are optimistic; "
                "mAP does not depend on them."
            )
        return remarks

    def sections(self, run: RunData, prefix: str = "") -> list[Section]:  # noqa: ARG002
        if not run.predictions:
            return []
        task = _task(run)
        scores, truth = tables_of(run.predictions, run.names)
        predicted = predicted_labels(scores, np.asarray(task.thresholds))
        counts, together = label_counts(predicted, truth), co_occurrence(truth)
        ap = average_precision(scores, truth)
        missed = missed_labels(
            counts, mistakes_beside(~predicted & truth, truth), together, _BESIDE
        )
        invented = invented_labels(
            counts, mistakes_beside(predicted & ~truth, truth), together, _BESIDE
        )
        return [
            Section("labels", "Labels", label_table(run, counts, task.thresholds, ap)),
            Section("precision-recall", "Precision and recall", _curves(run, scores, truth)),
            Section("missed", "Labels that are missed", _missed(run, missed)),
            Section("invented", "Labels that are invented", _invented(run, invented)),
            Section("together", "Labels that occur together", _together(run, together)),
        ]

    def cell(self, run: RunData) -> str:
        low, high = map_interval(*tables_of(run.predictions, run.names))
        return f"mAP {run.metrics['map']:.1%} ({low:.1%} to {high:.1%})"

    def differences(self, first: RunData, second: RunData) -> Sequence[str]:
        """By how much the mean average precision differs on the images that both were judged on."""
        known = {(p.image, p.truth): p for p in first.predictions}
        theirs = [p for p in second.predictions if (p.image, p.truth) in known]
        ours = [known[p.image, p.truth] for p in theirs]
        if first.names != second.names or not ours:
            return ()
        (one, truth), (other, _) = (tables_of(both, first.names) for both in (ours, theirs))
        low, high = map_difference(one, other, truth)
        values = [float(np.nanmean(average_precision(s, truth))) for s in (one, other)]
        names = [run.name or run.folder.name for run in (first, second)]
        sure = "more than chance would have it" if low > 0 or high < 0 else "no more than by chance"
        return [
            f"mAP is {values[0]:.1%} for {names[0]} and {values[1]:.1%} for {names[1]}: "
            f"{values[1] - values[0]:+.1%}, {sure} (with 95% confidence {low:+.1%} to {high:+.1%}; "
            f"bootstrap over {plural(len(ours), 'image')})."
        ]

    def shares(self, run: RunData) -> Mapping[str, Share]:
        """The share of the images with each label for which it was predicted."""
        counts = _counts(run)
        return {
            name: share_of(int(counts.tp[k]), int(counts.tp[k] + counts.fn[k]))
            for k, name in enumerate(run.names)
            if counts.tp[k] + counts.fn[k]
        }

    def lines(self, prediction: Prediction) -> Sequence[str]:
        """What was predicted, and what is right."""
        predicted, _ = prediction.title()
        return [*predicted.split("\n"), f"has {prediction.truth_text}"]


REPORT = MultilabelReport()


def _task(run: RunData) -> Multilabel:
    task = run.task
    assert isinstance(task, Multilabel)
    return task


def _counts(run: RunData) -> LabelCounts:
    scores, truth = tables_of(run.predictions, run.names)
    return label_counts(predicted_labels(scores, np.asarray(_task(run).thresholds)), truth)


def _share(hits: int, count: int) -> str:
    share = share_of(hits, count)
    return f"{share}, between {share.low:.1%} and {share.high:.1%}"


def _curves(run: RunData, scores: Probabilities, truth: Truth) -> list[Block]:
    per_label = measured(scores, truth, _task(run))["per_label"]
    shown = weakest_labels(per_label)
    curves = {
        name: precision_recall_curve(scores[:, k], truth[:, k])
        for k, name in enumerate(run.names)
        if name in shown
    }
    first = f"The {len(shown)} labels of the lowest average precision (AP). " * (
        len(run.names) > PANELS
    )
    how = (
        f"{first}Each point of a curve is another threshold: a lower one finds more of the label's "
        "images (recall), and more others with them (precision falls). The thresholds in use were "
        "chosen on the validation images for the highest F1; a label with fewer than "
        f"{FEW_POSITIVES} of them keeps 50%."
    )
    alt = "Precision over recall; average precision: " + ", ".join(
        f"{name} {per_label[name]['ap']:.1%}" for name in shown
    )
    return [Text(how), plot(precision_recall_figure(curves, per_label), "precision-recall", alt)]


def _together(run: RunData, together: Counts) -> list[Block]:
    if len(run.names) < 2:
        return []
    pairs = np.triu(together, 1)
    best = np.argsort(-pairs, axis=None, kind="stable")[:5]
    places = [divmod(int(place), len(run.names)) for place in best]
    texts = [f"{run.names[a]} and {run.names[b]} {pairs[a, b]:,}" for a, b in places if pairs[a, b]]
    alt = f"Images that have both labels: {'; '.join(texts) or 'none'}"
    some = f"{SHOWN} of {len(run.names):,} labels, those of the most frequent pairs. "
    caption = (
        f"{some * (len(run.names) > SHOWN)}Numbers are images with both labels, on the diagonal those "
        "with the label; colours are shares of a row."
    )
    return [plot(co_occurrence_figure(together, run.names), "together", alt, caption)]


def _missed(run: RunData, errors: Sequence[LabelErrors]) -> list[Block]:
    wrong = [p for p in _predictions(run) if p.missed]
    wrong.sort(key=lambda p: p.score_of(p.missed[0]))
    how = (
        "Images with a label that got the lowest probability though it is there. Labels that are wrong "
        "are often found here."
    )
    return [
        *_beside(run, errors, "missed", "Labels by how often they are missed"),
        *_gallery(run, wrong, how, lambda p: p.missed[0], "misses"),
    ]


def _invented(run: RunData, errors: Sequence[LabelErrors]) -> list[Block]:
    wrong = [p for p in _predictions(run) if p.invented]
    wrong.sort(key=lambda p: -p.score_of(p.invented[0]))
    how = (
        "Images with a label that got the highest probability though it is not there. Labels that were "
        "forgotten are often found here."
    )
    return [
        *_beside(run, errors, "invented", "Labels by how often they are invented"),
        *_gallery(run, wrong, how, lambda p: p.invented[0], "invents"),
    ]


def _beside(run: RunData, errors: Sequence[LabelErrors], done: str, caption: str) -> list[Block]:
    """The labels with the most mistakes of a kind, and the labels these occur beside."""
    if not errors:
        return [Text(f"No label is {done} on any image.")]
    rows = [
        (
            run.names[error.label], f"{error.images:,}",
            ", ".join(f"{run.names[k]} {count:,}" for k, count in error.beside),
        )
        for error in errors
    ]  # fmt: skip
    return [Table(("label", "images", "beside, more often than by chance"), rows, caption)]


def _gallery(
    run: RunData,
    wrong: Sequence[LabelsPrediction],
    how: str,
    of: Callable[[LabelsPrediction], str],
    does: str,
) -> list[Block]:
    """Pictures with heat maps of the label in question, if there are pictures, else a table."""
    if not wrong:
        return []

    def lines(prediction: Prediction) -> Sequence[str]:
        one = labelled(prediction)
        name = of(one)
        said = f"{does} {name} ({one.score_of(name):.1%})"
        return [said, f"has {one.truth_text}", f"predicted {one.predicted_text}"]

    shown, pictures = wrong[:_GALLERY], pictures_of(run, lines)
    if pictures is None:
        rows = [(p.image, *lines(p)) for p in shown]
        return [Text(how), Table(("image", "mistake", "truth", "prediction"), rows, "", _GALLERY)]
    tiles = pictures.explained(shown, "bad", lambda p: of(labelled(p)))
    return [Text(f"{how} {_HEAT}"), Gallery(tiles)]


def _predictions(run: RunData) -> list[LabelsPrediction]:
    return [labelled(prediction) for prediction in run.predictions]
