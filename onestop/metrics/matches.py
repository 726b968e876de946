"""Which predicted objects match true ones: rows that add up over images, and what follows from them.

The rules are COCO's (https://cocodataset.org/#detection-eval): in each image and class, predicted
objects take, best score first, the true object that they overlap with most and that is not taken yet;
those that only match a crowd count neither as right nor as wrong.

Legend: n predicted objects, m true ones, K classes, T thresholds of the overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.objects import ImageObjects, Kind, box_areas, box_iou
from onestop.metrics.rle import iou

OVERLAPS = np.linspace(0.5, 0.95, 10)
"""Overlaps, as intersection over union, from which on objects match; AP is the mean over them."""
MOST = 100
"""Predicted objects of an image and class that count, those with the highest scores."""
MOST_POINTS = 20
"""Likewise if key points are compared."""
DEFAULT_THRESHOLD = 0.5
"""Of the score, where too few objects were seen to choose one."""
FEW = 5
"""True objects of a class below which its threshold is not chosen."""
_RECALLS = np.linspace(0, 1, 101)

Flags: TypeAlias = NDArray[np.bool_]


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


@dataclass(frozen=True)
class _Pair:
    """The objects of one class in one image: n predicted ones, best score first, and m true ones."""

    image: int
    kind: int
    scores: NDArray[np.float32]  # [n]
    areas: NDArray[np.float64]  # [n]
    overlap: NDArray[np.float64]  # [n, m]
    crowd: Flags  # [m]
    unseen: Flags  # [m]: no key point to compare
    true_areas: NDArray[np.float64]  # [m]


@dataclass(frozen=True)
class Pairs:
    """The objects of some images, compared with each other; what `matches_in` takes."""

    images: int
    classes: int
    rows: tuple[_Pair, ...]


def pairs_of(
    truths: Sequence[ImageObjects],
    found: Sequence[ImageObjects],
    classes: int,
    kind: Kind = "boxes",
    sigmas: Sequence[float] = (),
) -> Pairs:
    """Compare the objects of some images by class.

    Args:
        truths: Of each image.
        found: Of the same images.
        classes: K.
        kind: What is compared.
        sigmas: Of key points: how far off they may be, relative to the size of the object.
    """
    most, rows = MOST_POINTS if kind == "keypoints" else MOST, []
    for image, (true, guessed) in enumerate(zip(truths, found, strict=True)):
        for k in np.union1d(guessed.classes, true.classes).tolist():
            ours, theirs = guessed.take(guessed.classes == k), true.take(true.classes == k)
            ours = ours.take(np.argsort(-ours.scores, kind="stable")[:most])
            unseen = _unseen(theirs) if kind == "keypoints" else np.zeros(len(theirs), np.bool_)
            overlap = overlaps(ours, theirs, kind, sigmas)
            rows.append(
                _Pair(
                    image,
                    k,
                    ours.scores,
                    _areas(ours, kind),
                    overlap,
                    theirs.crowds,
                    unseen,
                    theirs.areas,
                )
            )
    return Pairs(len(truths), classes, tuple(rows))


def _unseen(true: ImageObjects) -> Flags:
    """True objects without a visible key point, [m]."""
    if true.points is None:
        return np.ones(len(true), np.bool_)
    return np.asarray(~(true.points[..., 2] > 0).any(1))


def _areas(ours: ImageObjects, kind: Kind) -> NDArray[np.float64]:
    """How large predicted objects are: as masks, as boxes, or as boxes around key points."""
    if kind == "keypoints" and ours.points is not None and ours.points.shape[1]:
        places = ours.points[..., :2].astype(np.float64)
        sides = places.max(1) - places.min(1)
        return np.asarray(sides[:, 0] * sides[:, 1], np.float64)
    return ours.areas if kind == "masks" else box_areas(ours.boxes)


def matches_in(pairs: Pairs, area: tuple[float, float] = (0, math.inf)) -> Matches:
    """Match objects of an area, in square pixels, at `OVERLAPS`; others are ignored."""
    low, high = area
    rows = pairs.rows
    counts = np.zeros((pairs.images, pairs.classes), np.int64)
    flags = []
    for row in rows:
        beside = row.unseen | (row.true_areas < low) | (row.true_areas > high)
        counts[row.image, row.kind] += int((~(row.crowd | beside)).sum())
        right, ignored = matched(row.overlap, row.crowd, beside)
        outside = (row.areas < low) | (row.areas > high)
        flags.append((right, ignored | (outside[:, None] & ~right)))
    none, no_scores = np.zeros((0, len(OVERLAPS)), np.bool_), np.zeros(0, np.float32)
    lengths = [len(row.scores) for row in rows]
    return Matches(
        np.repeat(np.array([row.image for row in rows], np.int64), lengths),
        np.repeat(np.array([row.kind for row in rows], np.int64), lengths),
        np.concatenate([no_scores, *(row.scores for row in rows)]),
        np.concatenate([none, *(right for right, _ in flags)]),
        np.concatenate([none, *(ignored for _, ignored in flags)]),
        counts,
    )


def matches_of(
    truths: Sequence[ImageObjects], found: Sequence[ImageObjects], classes: int
) -> Matches:
    """Match the boxes of some images by class, at `OVERLAPS`.

    Args:
        truths: Of each image.
        found: Of the same images.
        classes: K.
    """
    return matches_in(pairs_of(truths, found, classes))


def overlaps(
    ours: ImageObjects, theirs: ImageObjects, kind: Kind = "boxes", sigmas: Sequence[float] = ()
) -> NDArray[np.float64]:
    """Intersection over union of objects of one image, or likeness of their key points, [n, m]."""
    if kind == "masks" and ours.masks is not None and theirs.masks is not None:
        return iou(ours.masks, theirs.masks, theirs.crowds.tolist())
    if kind == "keypoints" and ours.points is not None and theirs.points is not None:
        return likeness(ours.points, theirs, sigmas)
    return box_iou(ours.boxes, theirs.boxes, theirs.crowds)


def likeness(
    points: NDArray[np.float32], theirs: ImageObjects, sigmas: Sequence[float]
) -> NDArray[np.float64]:
    """COCO's object keypoint similarity, [n, m].

    Args:
        points: Predicted, [n, P, 3].
        theirs: True objects with key points. Of those without a visible one, it counts how far points
            lie outside the box, enlarged to three times its sides.
        sigmas: [P].
    """
    ours = points.astype(np.float64)[:, None, :, :2]  # [n, 1, P, 2]
    true = np.asarray(theirs.points, np.float64)[None]  # [1, m, P, 3]
    boxes = theirs.boxes.astype(np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    low, high = (boxes[:, :2] - sides)[None, :, None], (boxes[:, :2] + 2 * sides)[None, :, None]
    seen = true[..., 2] > 0  # [1, m, P]
    outside = np.maximum(0, low - ours) + np.maximum(0, ours - high)
    some = np.asarray(seen.any(2))[..., None, None]
    distance = np.square(np.where(some, ours - true[..., :2], outside)).sum(3)  # [n, m, P]
    scale = np.square(2 * np.asarray(sigmas, np.float64))
    error = distance / scale / (theirs.areas[None, :, None] + np.spacing(1)) / 2
    counted = np.where(some[..., 0], seen, True)
    result: NDArray[np.float64] = (np.exp(-error) * counted).sum(2) / counted.sum(2)
    return result


def matched(
    overlap: NDArray[np.float64],
    crowd: Flags,
    beside: Flags | None = None,
    at: NDArray[np.float64] = OVERLAPS,
) -> tuple[Flags, Flags]:
    """Which predicted objects are right, and which are ignored, [n, T] each.

    Args:
        overlap: Of predicted objects, best score first, with true ones, [n, m].
        crowd: True objects that stand for any number, [m].
        beside: True objects that do not count for another reason, [m].
        at: [T].
    """
    count, true = overlap.shape
    right, ignored = (np.zeros((count, len(at)), np.bool_) for _ in range(2))
    if not true:
        return right, ignored
    beside = np.asarray(crowd if beside is None else crowd | beside)
    least, every = np.minimum(at, 1 - 1e-10)[:, None], np.arange(len(at))
    free = np.ones((len(at), true), np.bool_)
    for i in range(count):
        possible = np.asarray((free | crowd) & (overlap[i] >= least))  # [T, m]
        for which, kept in ((possible & ~beside, right), (possible & beside, ignored)):
            values = np.where(which, overlap[i], -1.0)
            # Of equal overlaps COCO takes the last.
            best = true - 1 - values[:, ::-1].argmax(1)
            hit = which.any(1) & ~right[i]
            kept[i] |= hit
            free[every[hit], best[hit]] = False
    return right, ignored


def average_precisions(
    matches: Matches, weights: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
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


def recalls(matches: Matches) -> NDArray[np.float64]:
    """The part of each class's true objects that is found at each overlap, [K, T]; NaN without any."""
    totals = matches.truths.sum(0)
    hits = np.zeros((len(totals), matches.right.shape[1]))
    np.add.at(hits, matches.classes, matches.right & ~matches.ignored)
    result: NDArray[np.float64] = np.where(
        totals[:, None] > 0, hits / np.maximum(totals, 1)[:, None], np.nan
    )
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
