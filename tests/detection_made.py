"""Objects made up for tests: random truths, and predictions near them."""

from __future__ import annotations

from typing import Any

import numpy as np

from onestop.metrics.objects import ImageObjects
from onestop.metrics.rle import encode


def random_truth(
    rng: np.random.Generator, classes: int = 3, *, most: int = 8, crowd: bool = True,
    side: int = 260, points: int = 0,
) -> ImageObjects:  # fmt: skip
    """Up to `most` boxes with elliptical masks."""
    count = int(rng.integers(0, most + 1))
    corner = rng.uniform(0, side * 0.8, (count, 2))
    extent = rng.uniform(4, side * 0.6, (count, 2))
    boxes = np.hstack([corner, np.minimum(corner + extent, side)]).astype(np.float32)
    return ImageObjects(
        (side, side), boxes, rng.integers(0, classes, count), np.ones(count, np.float32),
        (rng.random(count) < 0.1) & crowd, tuple(encode(ellipse(box, side)) for box in boxes),
        _points(rng, boxes, points),
    )  # fmt: skip


def near(
    rng: np.random.Generator, truth: ImageObjects, classes: int = 3, *, jitter: float = 0.1,
    invented: int = 4,
) -> ImageObjects:  # fmt: skip
    """Predictions: shifted truths, some missing, some of another class, and some of nothing."""
    kept = truth.take(rng.random(len(truth)) < 0.85)
    side = truth.size[0]
    extent = np.tile(kept.boxes[:, 2:] - kept.boxes[:, :2], 2)
    boxes = kept.boxes + rng.normal(0, jitter, kept.boxes.shape) * extent
    corner = rng.uniform(0, side * 0.7, (invented, 2))
    wrong = np.hstack([corner, corner + rng.uniform(5, side * 0.3, (invented, 2))])
    boxes = np.clip(np.vstack([boxes, wrong]), 0, side).astype(np.float32)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    other = rng.random(len(kept)) < 0.15
    same = np.where(other, rng.integers(0, classes, len(kept)), kept.classes)
    labels = np.concatenate([same, rng.integers(0, classes, invented)])
    points = None if truth.points is None else truth.points.shape[1]
    return ImageObjects(
        truth.size, boxes.astype(np.float32), labels,
        np.round(rng.uniform(0.02, 1, len(boxes)), 2).astype(np.float32),
        None, tuple(encode(ellipse(box, side)) for box in boxes),
        None if points is None else _points(rng, boxes, points),
    )  # fmt: skip


def ellipse(box: Any, side: int) -> Any:
    """A mask within a box."""
    x1, y1, x2, y2 = box
    y, x = np.mgrid[:side, :side] + 0.5
    rx, ry = max((x2 - x1) / 2, 0.5), max((y2 - y1) / 2, 0.5)
    return ((x - (x1 + x2) / 2) / rx) ** 2 + ((y - (y1 + y2) / 2) / ry) ** 2 <= 1


def _points(rng: np.random.Generator, boxes: Any, count: int) -> Any:
    if not count:
        return None
    where = rng.random((len(boxes), count, 2))
    places = boxes[:, None, :2] + where * (boxes[:, None, 2:] - boxes[:, None, :2])
    seen = rng.integers(0, 3, (len(boxes), count, 1))
    places = np.where(seen > 0, places, 0)
    return np.concatenate([places, seen], 2).astype(np.float32)
