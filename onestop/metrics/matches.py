"""Which predicted objects match true ones: rows that add up over images, and what follows from them.

The rules are COCO's (https://cocodataset.org/#detection-eval): in each image and class, predicted
objects take, best score first, the true object that they overlap with most and that is not taken yet;
those that only match a crowd count neither as right nor as wrong.

Legend: n predicted objects, m true ones, K classes, T thresholds of the overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.objects import ImageObjects, box_iou
from onestop.metrics.rle import iou

OVERLAPS = np.linspace(0.5, 0.95, 10)
"""Overlaps, as intersection over union, from which on objects match; AP is the mean over them."""
MOST = 100
"""Predicted objects of an image and class that count, those with the highest scores."""
DEFAULT_THRESHOLD = 0.5
"""Of the score, where too few objects were seen to choose one."""
FEW = 5
"""True objects of a class below which its threshold is not chosen."""
_RECALLS = np.linspace(0, 1, 101)

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Matches:
    """Predicted objects of some images, and how many true ones there are.

    Attributes:
        images: Numbers of the images, int64 [n].
        classes: int64 [n].
        scores: float32 [n].
        right: Whether each is right at each overlap, [n, T].
        ignored: Whether it counts neither as right nor as wrong, [n, T].
        truths: True objects of each image and class, int64 [images, K].
    """

    images: NDArray[np.int64]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    right: Flags
    ignored: Flags
    truths: NDArray[np.int64]


def matches_of(
    truths: Sequence[ImageObjects], found: Sequence[ImageObjects], classes: int, *, masks: bool = False
) -> Matches:
    """Match the objects of some images by class, at `OVERLAPS`.

    Args:
        truths: Of each image.
        found: Of the same images.
        classes: K.
        masks: Whether overlaps are those of masks.
    """
    rows: list[tuple[NDArray[np.int64], int, NDArray[np.float32], Flags, Flags, int]] = []
    counts = np.zeros((len(truths), classes), np.int64)
    for image, (true, guessed) in enumerate(zip(truths, found, strict=True)):
        np.add.at(counts[image], true.classes[~true.crowds], 1)
        for k in np.unique(guessed.classes).tolist():
            ours = guessed.take(guessed.classes == k)
            ours = ours.take(np.argsort(-ours.scores, kind="stable")[:MOST])
            theirs = true.take(true.classes == k)
            right, ignored = matched(overlaps(ours, theirs, masks=masks), theirs.crowds)
            places = np.full(len(ours), image, np.int64)
            rows.append((places, k, ours.scores, right, ignored, len(ours)))
    none = np.zeros((0, len(OVERLAPS)), np.bool_)
    return Matches(
        np.concatenate([np.zeros(0, np.int64), *(row[0] for row in rows)]),
        np.concatenate([np.zeros(0, np.int64), *(np.full(row[5], row[1]) for row in rows)]),
        np.concatenate([np.zeros(0, np.float32), *(row[2] for row in rows)]),
        np.concatenate([none, *(row[3] for row in rows)]),
        np.concatenate([none, *(row[4] for row in rows)]),
        counts,
    )


def overlaps(
    ours: ImageObjects, theirs: ImageObjects, *, masks: bool = False
) -> NDArray[np.float64]:
    """Intersection over union of objects of one image, [n, m]."""
    if masks and ours.masks is not None and theirs.masks is not None:
        return iou(ours.masks, theirs.masks, theirs.crowds.tolist())
    return box_iou(ours.boxes, theirs.boxes, theirs.crowds)


def matched(
    overlap: NDArray[np.float64], crowd: Flags, at: NDArray[np.float64] = OVERLAPS
) -> tuple[Flags, Flags]:
    """Which predicted objects are right, and which are ignored, [n, T] each.

    Args:
        overlap: Of predicted objects, best score first, with true ones, [n, m].
        crowd: [m].
        at: [T].
    """
    count, true = overlap.shape
    right, ignored = (np.zeros((count, len(at)), np.bool_) for _ in range(2))
    for t, least in enumerate(np.minimum(at, 1 - 1e-10).tolist()):
        free = ~crowd
        for i in range(count if true else 0):
            values = np.where(free, overlap[i], -1.0)
            # Of equal overlaps COCO takes the last.
            best = true - 1 - int(values[::-1].argmax())
            if values[best] >= least:
                right[i, t], free[best] = True, False
            elif crowd.any() and overlap[i, crowd].max() >= least:
                ignored[i, t] = True
    return right, ignored


def average_precisions(matches: Matches, weights: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """AP of each class at each overlap, [K, T]; NaN for classes without true objects.

    Args:
        matches: Of some images.
        weights: How often each image counts (default: once).
    """
    images, classes = matches.truths.shape
    weights = np.ones(images, np.int64) if weights is None else weights
    totals = weights @ matches.truths
    result = np.full((classes, matches.right.shape[1]), np.nan)
    for k in range(classes):
        if not totals[k]:
            continue
        rows = np.flatnonzero(matches.classes == k)
        rows = rows[np.argsort(-matches.scores[rows], kind="stable")]
        often = weights[matches.images[rows]][:, None]
        right = np.cumsum(matches.right[rows] * often, 0)
        wrong = np.cumsum(~(matches.right[rows] | matches.ignored[rows]) * often, 0)
        recall = right / totals[k]
        precision = right / np.maximum(right + wrong, np.spacing(1))
        precision = np.maximum.accumulate(precision[::-1], 0)[::-1]
        for t in range(result.shape[1]):
            places = np.searchsorted(recall[:, t], _RECALLS, side="left")
            known = places < len(rows)
            result[k, t] = precision[places[known], t].sum() / len(_RECALLS)
    return result


def precision_recall(matches: Matches, k: int, overlap: int = 0) -> tuple[NDArray[np.float64], ...]:
    """Scores, precision and recall of a class as the threshold falls, at one of the overlaps."""
    rows = np.flatnonzero((matches.classes == k) & ~matches.ignored[:, overlap])
    rows = rows[np.argsort(-matches.scores[rows], kind="stable")]
    right = np.cumsum(matches.right[rows, overlap])
    count = np.arange(1, len(rows) + 1)
    total = max(int(matches.truths[:, k].sum()), 1)
    return matches.scores[rows].astype(np.float64), right / count, right / total


def best_thresholds(matches: Matches) -> NDArray[np.float64]:
    """The threshold of each class that has the highest F1 at an overlap of 0.5, [K].

    Midway between two scores. Classes with fewer than `FEW` true objects keep `DEFAULT_THRESHOLD`.
    """
    classes = matches.truths.shape[1]
    chosen = np.full(classes, DEFAULT_THRESHOLD)
    for k in range(classes):
        total = int(matches.truths[:, k].sum())
        scores, precision, recall = precision_recall(matches, k)
        if total < FEW or not recall.any():
            continue
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        last = np.append(scores[1:] != scores[:-1], True)  # equal scores cannot be separated
        best = int(np.where(last, f1, -1.0).argmax())
        below = scores[best + 1] if best + 1 < len(scores) else 0.0
        chosen[k] = min(max((scores[best] + below) / 2, 1e-3), 1 - 1e-3)
    return chosen


def over_thresholds(found: ImageObjects, thresholds: Sequence[float]) -> ImageObjects:
    """The predicted objects that reach the threshold of their class, best first."""
    least = np.asarray(thresholds, np.float64)[found.classes]
    kept = found.take(found.scores >= least)
    return kept.take(np.argsort(-kept.scores, kind="stable"))


def confusion(
    truths: Sequence[ImageObjects], shown: Sequence[ImageObjects], classes: int
) -> NDArray[np.int64]:
    """What true objects are taken for, at an overlap of 0.5, [K + 1, K + 1].

    Rows are true classes, columns predicted ones; the last row counts what is predicted where nothing
    is, the last column what is not found. Objects match across classes, those of the same class first.

    Args:
        truths: Of each image.
        shown: The predicted objects of the same images that reach their thresholds.
        classes: K.
    """
    matrix = np.zeros((classes + 1, classes + 1), np.int64)
    for true, ours in zip(truths, shown, strict=True):
        pairs, ignored = paired(true, ours)
        taken = {j for _, j in pairs}
        for i, j in pairs:
            matrix[true.classes[j], ours.classes[i]] += 1
        alone = set(range(len(ours))) - {i for i, _ in pairs} - ignored
        for i in alone:
            matrix[classes, ours.classes[i]] += 1
        for j in np.flatnonzero(~true.crowds).tolist():
            if j not in taken:
                matrix[true.classes[j], classes] += 1
    return matrix


def paired(true: ImageObjects, ours: ImageObjects) -> tuple[list[tuple[int, int]], set[int]]:
    """Pairs of a predicted and a true object that overlap by half, and predicted ones of crowds."""
    overlap = box_iou(ours.boxes, true.boxes, true.crowds)
    same = ours.classes[:, None] == true.classes[None]
    pairs: list[tuple[int, int]] = []
    free, left = ~true.crowds, set(range(len(ours)))
    for allowed in (same, ~same):
        values = np.where(allowed & (overlap >= OVERLAPS[0]), overlap, -1.0)
        for i in sorted(left, key=lambda i: -ours.scores[i]):
            row = np.where(free, values[i], -1.0)
            if len(row) and row.max() > 0:
                j = int(row.argmax())
                pairs.append((i, j))
                free[j] = False
        left -= {i for i, _ in pairs}
    crowds = true.crowds
    of_crowds = {i for i in left if crowds.any() and overlap[i, crowds].max() >= OVERLAPS[0]}
    return pairs, of_crowds
