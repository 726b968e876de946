"""Metrics of multi-label classification: average precision, thresholds, and counts at thresholds.

A label is predicted for an image if its score is at or above the label's threshold. Average precision
and thresholds need the scores of all images at once; the rest comes from whole numbers, which add up
over batches and processes in any order.

Legend: N images, L labels, T distinct scores of one label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.intervals import wilson
from onestop.metrics.spec import Metrics

Scores: TypeAlias = NDArray[np.floating[Any]]
Flags: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

DEFAULT_THRESHOLD = 0.5
FEW_POSITIVES = 10
"""Positive images below which a label keeps the default threshold.

Simulated with calibrated scores (Gaussian, 0.5 to 30 % of images positive): a threshold chosen on 10
positive images loses at most 0.03 F1 on new images where 0.5 is near the optimum, and gains up to 0.2
where it is not; chosen on 2 it loses up to 0.06.
"""
CURVE_POINTS = 200
"""Of a precision-recall curve; a plot is about as many pixels wide."""
_BLOCK = 64  # labels copied at a time: whole cache lines, and little memory


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one label at each of its distinct scores, highest score first.

    Recall never falls from one point to the next. Between two points the curve is a step at the
    precision of the second (`drawstyle="steps-pre"`), and its area is the average precision.

    Attributes:
        recall: [T] share of the positive images whose score is at or above the threshold.
        precision: [T] share of positive images among all at or above the threshold.
        thresholds: [T] the scores.
    """

    recall: Floats
    precision: Floats
    thresholds: Floats


@dataclass(frozen=True)
class LabelCounts:
    """Correct and wrong predictions of each label; counts of several batches can be added.

    Attributes:
        tp: [L] images for which the label was predicted correctly; `fp` wrongly.
        fn: [L] images that have the label but it was not predicted; `tn` neither.
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

    Sum of (R_n - R_{n-1}) P_n over the distinct scores, without interpolation, as in scikit-learn's
    `average_precision_score`
    (https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html).
    Images with equal scores enter together, so their order does not matter.

    Args:
        scores: [N, L] probabilities.
        truth: [N, L] whether the image has the label.

    Returns:
        [L] in 0..1; nan for a label without positive images (scikit-learn gives 0, which would lower
        the mean over labels for a label that cannot be measured).
    """
    return np.array([_area(*_sweep(*column)) for column in _columns(scores, truth)], np.float64)


def precision_recall_curve(scores: Scores, truth: Flags, most: int = CURVE_POINTS) -> Curve:
    """The precision-recall curve of one label, without points if it has no positive images.

    Of more than `most` points, both ends are kept and those with the lowest and the highest precision
    in each of `most // 2 - 1` equal ranges of recall. The plot keeps its outline and its spikes.

    Args:
        scores: [N] probabilities.
        truth: [N] whether the image has the label.
        most: Points that are kept, at most.
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

    Maximises the F1 measured on these images, as Lipton, Elkan and Naryanaswamy 2014, "Thresholding
    Classifiers to Maximize F1 Score", https://arxiv.org/abs/1402.1892. They show that the optimum
    lies at half the best F1 for calibrated probabilities, so never above 0.5, and that the
    best use of scores without information is to predict the label always. F1 on the same images is
    optimistic: report it on images that were not used here.

    - A threshold lies halfway between two neighbouring distinct scores (0 below the lowest), where
      small changes of the scores matter least. It is a number of the type of the scores, so that
      comparing in that type decides the same.
    - Of several thresholds with the same F1, the one nearest to 0.5 is chosen; of two equally near,
      the higher.
    - A label with fewer than `FEW_POSITIVES` positive images keeps 0.5: of so few, the maximum
      follows chance.

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
        thresholds: [L], compared in the type of the scores.
    """
    predicted: Flags = scores >= thresholds.astype(scores.dtype)
    return predicted


def label_counts(predicted: Flags, truth: Flags) -> LabelCounts:
    """Count correct and wrong predictions of each label over some images.

    Args:
        predicted: [N, L] of `predicted_labels`.
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
        counts: Of all images.
        ap: [L] of `average_precision`.
        thresholds: [L] at which labels were predicted.
        loss: Sum of the loss over all images.
        labels: L names.

    Returns:
        Ratios are in 0..1, and 0 if the denominator is 0. `map` and `macro_f1` are means over labels
        with positive images, `micro_f1` pools the decisions of all labels, `exact_match` is the share
        of images with all labels correct. In `per_label`, `images` counts positive images, and `ap`
        is None for a label without any. `intervals` holds Wilson's 95 % intervals.
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
    """Scores and truth of each label, contiguous in memory, copied a block of labels at a time."""
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

    The bits of floats from 0 to 1 sort like integers, and the sign bit is free. So the truth is put
    into the lowest bit and values are sorted instead of indices, several times faster than `argsort`.
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
    # Between neighbouring floats there is no third, and rounding may reach the lower one.
    middle = np.where(middle > below, middle, values)
    inside = (middle > 0) & (middle < 1)
    if not inside.any():
        return DEFAULT_THRESHOLD
    f1 = 2 * tp[inside] / (predicted[inside] + tp[-1])
    best = middle[inside][f1 == f1.max()].astype(np.float64)
    return float(best[np.abs(best - DEFAULT_THRESHOLD).argmin()])


def _extremes(recall: Floats, precision: Floats, ranges: int) -> Counts:
    """Indices of both ends, and of the lowest and highest precision in equal ranges of recall."""
    place = np.minimum((recall * ranges).astype(np.int64), ranges - 1)
    order = np.lexsort((precision, place))
    highest = np.append(np.diff(place[order]) > 0, [True])
    lowest = np.roll(highest, 1)
    ends = np.array([0, len(recall) - 1])
    return np.unique(np.concatenate([ends, order[lowest], order[highest]]))


def _intervals(hits: Counts, count: Counts) -> list[list[float]]:
    """Wilson's interval of each label: L pairs of low and high."""
    return [[float(low), float(high)] for low, high in zip(*wilson(hits, count), strict=True)]


def _ratio(above: Counts, below: Counts) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return ratio


def _plain(value: Any) -> int | float | None:
    """A NumPy number as JSON has it, where nan does not exist."""
    number: int | float = value.item()
    return None if math.isnan(number) else number
