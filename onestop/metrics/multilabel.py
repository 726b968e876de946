"""Metrics of multi-label classification: average precision, thresholds, and counts at thresholds.

A label is predicted for an image if its score is at or above the label's threshold. Average precision
and thresholds need the scores of all images at once; all other metrics are computed from integer
counts, which can be added over batches and processes in any order.

Legend: N images, L labels, T distinct scores of one label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.curve import Curve
from onestop.metrics.intervals import wilson
from onestop.metrics.spec import Metrics

Scores: TypeAlias = NDArray[np.floating[Any]]
Flags: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

DEFAULT_THRESHOLD = 0.5
FEW_POSITIVES = 10
"""With fewer positive images than this, a label keeps the default threshold.

Simulated with calibrated scores (Gaussian, 0.5 to 30 % of images positive): on new images, a threshold
chosen on 10 positive images loses at most 0.03 F1 if 0.5 is near the optimum and gains up to 0.2 if it
is not; chosen on 2 positive images, it loses up to 0.06.
"""
CURVE_POINTS = 200
"""Maximum number of points of a precision-recall curve: about the width of a plot in pixels."""
_BLOCK = 64  # labels copied at a time: full cache lines, little memory


@dataclass(frozen=True)
class LabelCounts:
    """Correct and wrong predictions of each label; counts of several batches can be added.

    Attributes:
        tp: [L] true positives: images that have the label and for which it was predicted.
        fp: [L] false positives: images without the label for which it was predicted.
        fn: [L] false negatives: images that have the label but for which it was not predicted.
        tn: [L] true negatives.
        exact: Images with all labels correct.
    """

    tp: Counts
    fp: Counts
    fn: Counts
    tn: Counts
    exact: int

    def __add__(self, other: LabelCounts) -> LabelCounts:
        """Counts over the images of both."""
        return LabelCounts(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tn + other.tn,
            self.exact + other.exact,
        )

    @property
    def images(self) -> int:
        """N."""
        return int((self.tp + self.fp + self.fn + self.tn)[:1].sum())


def average_precision(scores: Scores, truth: Flags) -> Floats:
    """Average precision of each label: the mean precision at the scores of its positive images.

    The sum of (R_n - R_{n-1}) P_n over the distinct scores, without interpolation, as in scikit-learn's
    `average_precision_score`
    (https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html).
    Images with equal scores are counted together, so their order does not matter.

    Args:
        scores: [N, L] probabilities.
        truth: [N, L] whether the image has the label.

    Returns:
        [L] in 0..1; nan for a label without positive images (scikit-learn returns 0, which would lower
        the mean over labels although the label was not measured).
    """
    return np.array([_area(*_sweep(*column)) for column in _columns(scores, truth)], np.float64)


def precision_recall_curve(scores: Scores, truth: Flags, most: int = CURVE_POINTS) -> Curve:
    """The precision-recall curve of one label; it has no points if there are no positive images.

    If there are more than `most` points, it keeps both ends and those with the lowest and the highest
    precision in each of `most // 2 - 1` equal ranges of recall, so that plots keep their peaks.

    Args:
        scores: [N] probabilities.
        truth: [N] whether the image has the label.
        most: Maximum number of points.
    """
    _check(scores)
    tp, predicted, values = _sweep(scores, truth)
    if not len(tp) or not tp[-1]:
        return Curve(*np.zeros((3, 0)))
    recall, precision = tp / tp[-1], tp / predicted
    kept = _extremes(recall, precision, most // 2 - 1) if len(tp) > most else slice(None)
    return Curve(recall[kept], precision[kept], values[kept].astype(np.float64))


def best_thresholds(scores: Scores, truth: Flags) -> Floats:
    """For each label the threshold with the highest F1, chosen on validation data.

    Maximises the F1 measured on these images, as in Lipton, Elkan and Naryanaswamy 2014, "Thresholding
    Classifiers to Maximize F1 Score", https://arxiv.org/abs/1402.1892. They show that for calibrated
    probabilities the optimal threshold is half the optimal F1, so never above 0.5, and that for
    uninformative scores it is optimal to always predict the label. F1 on the same images is optimistic:
    report it on other images.

    - A threshold lies halfway between two neighbouring distinct scores (or the lowest score and 0),
      where small changes of the scores matter least. It is representable in the dtype of the scores, so
      that comparing in that dtype gives the same predictions.
    - If several thresholds have the same F1, the one closest to 0.5 is chosen; if two are equally
      close, the higher one.
    - A label with fewer than `FEW_POSITIVES` positive images keeps 0.5: with so few, the maximum is
      mostly chance.

    Args:
        scores: [N, L] probabilities.
        truth: [N, L] whether the image has the label.

    Returns:
        [L] in (0, 1).
    """
    return np.array([_best_threshold(*_sweep(*column)) for column in _columns(scores, truth)])


def predicted_labels(scores: Scores, thresholds: Floats) -> Flags:
    """Which labels are predicted, [N, L]: scores at or above the thresholds.

    Args:
        scores: [N, L] probabilities.
        thresholds: [L], compared in the dtype of the scores.
    """
    predicted: Flags = scores >= thresholds.astype(scores.dtype)
    return predicted


def label_counts(predicted: Flags, truth: Flags) -> LabelCounts:
    """Count correct and wrong predictions of each label over some images.

    Args:
        predicted: [N, L], as returned by `predicted_labels`.
        truth: [N, L] whether the image has the label.
    """
    positives, predictions = truth.sum(0, dtype=np.int64), predicted.sum(0, dtype=np.int64)
    tp: Counts = (predicted & truth).sum(0, dtype=np.int64)
    fp, fn = predictions - tp, positives - tp
    exact = int((predicted == truth).all(1).sum())
    return LabelCounts(tp, fp, fn, len(truth) - tp - fp - fn, exact)


def multilabel_metrics(
    counts: LabelCounts, ap: Floats, thresholds: Floats, loss: float, labels: Sequence[str]
) -> Metrics:
    """The metrics of a data set, overall and per label.

    Args:
        counts: Counts over all images.
        ap: [L], as returned by `average_precision`.
        thresholds: [L] thresholds of the predictions.
        loss: Sum of the loss over all images.
        labels: L names.

    Returns:
        Ratios are in 0..1, and 0 if the denominator is 0. `map` and `macro_f1` are means over labels
        with positive images, `micro_f1` pools the predictions of all labels, `exact_match` is the
        fraction of images with all labels correct. In `per_label`, `images` counts positive images, and
        `ap` is None for a label without any. `intervals` holds Wilson's 95 % intervals.
    """
    tp, positives, predictions = counts.tp, counts.tp + counts.fn, counts.tp + counts.fp
    f1, present = _ratio(2 * tp, positives + predictions), positives > 0
    columns = {
        "images": positives, "ap": ap, "precision": _ratio(tp, predictions),
        "recall": _ratio(tp, positives), "f1": f1, "threshold": thresholds,
    }  # fmt: skip
    intervals = {"precision": _intervals(tp, predictions), "recall": _intervals(tp, positives)}
    return {
        "map": float(ap[present].mean()) if present.any() else 0.0,
        "micro_f1": 2 * int(tp.sum()) / max(int((positives + predictions).sum()), 1),
        "macro_f1": float(f1[present].mean()) if present.any() else 0.0,
        "exact_match": counts.exact / max(counts.images, 1),
        "loss": loss / max(counts.images, 1),
        "images": counts.images,
        "per_label": {
            name: {key: _plain(values[k]) for key, values in columns.items()}
            for k, name in enumerate(labels)
        },
        "intervals": {
            name: {key: both[k] for key, both in intervals.items()} for k, name in enumerate(labels)
        },
    }


def _columns(scores: Scores, truth: Flags) -> Iterator[tuple[Scores, Flags]]:
    """The scores and truth of each label, contiguous in memory, copied in blocks of labels."""
    _check(scores)
    for start in range(0, scores.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        parts = (np.ascontiguousarray(table[:, block].T) for table in (scores, truth))
        yield from zip(*parts, strict=True)


def _check(scores: Scores) -> None:
    if scores.size and not (scores.min() >= 0 and scores.max() <= 1):  # also if any is nan
        raise ValueError("scores must be probabilities, from 0 to 1")


def _sweep(scores: Scores, truth: Flags) -> tuple[Counts, Counts, Scores]:
    """True positives and predictions at each distinct score of one label, highest first: 3 of [T].

    The bits of floats from 0 to 1 sort like integers, and the sign bit is unused. So the truth goes
    into the lowest bit, and values are sorted instead of indices, which is several times faster than
    `argsort`.
    """
    bits = scores.view(f"u{scores.itemsize}")
    keys = np.sort(bits << 1 | truth)[::-1]
    tp = np.cumsum(keys & 1, dtype=np.int64)
    values = (keys >> 1).view(scores.dtype)
    last = np.flatnonzero(np.append(values[1:] != values[:-1], len(values) > 0))
    return tp[last], last + 1, values[last]


def _area(tp: Counts, predicted: Counts, _: Scores) -> float:
    """Area under the steps of the precision-recall curve."""
    if not len(tp) or not tp[-1]:
        return float("nan")
    return float((np.diff(tp, prepend=0) * (tp / predicted)).sum() / tp[-1])


def _best_threshold(tp: Counts, predicted: Counts, values: Scores) -> float:
    if not len(tp) or tp[-1] < FEW_POSITIVES:
        return DEFAULT_THRESHOLD
    below = np.append(values[1:], values.dtype.type(0))
    middle = (values + below) / 2
    # Between adjacent floats there is no other, and rounding may give the lower one.
    middle = np.where(middle > below, middle, values)
    inside = (middle > 0) & (middle < 1)
    if not inside.any():
        return DEFAULT_THRESHOLD
    f1 = 2 * tp[inside] / (predicted[inside] + tp[-1])
    best = middle[inside][f1 == f1.max()].astype(np.float64)
    return float(best[np.abs(best - DEFAULT_THRESHOLD).argmin()])


def _extremes(recall: Floats, precision: Floats, ranges: int) -> Counts:
    """Indices of both ends and of the lowest and highest precision in equal ranges of recall."""
    place = np.minimum((recall * ranges).astype(np.int64), ranges - 1)
    order = np.lexsort((precision, place))
    highest = np.append(np.diff(place[order]) > 0, [True])
    lowest = np.roll(highest, 1)
    ends = np.array([0, len(recall) - 1])
    return np.unique(np.concatenate([ends, order[lowest], order[highest]]))


def _intervals(hits: Counts, count: Counts) -> list[list[float]]:
    """Wilson's interval of each label: L pairs of both ends."""
    return [[float(low), float(high)] for low, high in zip(*wilson(hits, count), strict=True)]


def _ratio(above: Counts, below: Counts) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return ratio


def _plain(value: Any) -> int | float | None:
    """A NumPy number for JSON, which has no nan."""
    number: int | float = value.item()
    return None if math.isnan(number) else number
