"""Preview: thumbnails of a few images per class.

Legend: H and W height and width as shown, C channels.
"""

from __future__ import annotations

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.targets import Indices
from onestop.errors import BadImageError
from onestop.images.pillow import Pixels
from onestop.images.pixel_range import PixelRange
from onestop.images.thumbnail import small
from onestop.runtime.rng import key_for, permutation


def preview(
    dataset: Dataset, limit: int, pixel_range: PixelRange = "full"
) -> list[tuple[Pixels | None, str]]:
    """Thumbnails of images of the first split, from each class in turn.

    Args:
        dataset: A data set of images.
        limit: Maximum number of images. They are picked at random, the same ones each time.
        pixel_range: What is black and white in images of more than 8 bits.

    Returns:
        [H, W, C] and the target of each as text; None for an image that cannot be read.
    """
    samples = next(iter(dataset.splits.values()))
    channels = 1 if _is_grey(dataset) else 3
    thumbnails: list[tuple[Pixels | None, str]] = []
    for index in _in_turn(samples.targets.strata(), len(samples), limit):
        title = samples.targets.text(index)
        try:
            thumbnails.append((small(samples.read(index, channels, pixel_range)), title))
        except BadImageError:
            thumbnails.append((None, title))
    return thumbnails


def _is_grey(dataset: Dataset) -> bool:
    """Whether the first readable image has one channel."""
    samples = next(iter(dataset.splits.values()))
    for index in range(min(len(samples), 16)):
        try:
            return samples.measure(index)[2] == 1
        except BadImageError:
            continue
    return False


def _in_turn(strata: Indices | None, count: int, limit: int) -> list[int]:
    """Image indices, picked from each class in turn and sorted by class."""
    order = permutation(key_for("glance"), count)
    if strata is None:
        return [int(i) for i in order[:limit]]
    rank = np.empty(count, dtype=np.int64)
    seen: dict[int, int] = {}
    for index in order.tolist():
        kind = int(strata[index])
        rank[index] = seen[kind] = seen.get(kind, -1) + 1
    indices = sorted(order.tolist(), key=lambda i: (rank[i], int(strata[i])))[:limit]
    return sorted(indices, key=lambda i: (int(strata[i]), rank[i]))
