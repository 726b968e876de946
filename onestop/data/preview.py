"""A few images of a source, made small, to be looked at.

Legend: H and W height and width as shown, C channels.
"""

from __future__ import annotations

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.targets import Indices
from onestop.images.decode import Pixels
from onestop.images.formats import BadImageError
from onestop.images.thumbnail import small
from onestop.runtime.rng import key_for, permutation


def glance(dataset: Dataset, most: int) -> list[tuple[Pixels | None, str]]:
    """Images of the first split, in turn from each class, and what each is.

    Args:
        dataset: Of images.
        most: How many at most. Which ones is chosen by chance, the same each time.

    Returns:
        [H, W, C] and the target of each in words; None for an image that cannot be read.
    """
    samples = next(iter(dataset.splits.values()))
    channels = 1 if _is_grey(dataset) else 3
    found: list[tuple[Pixels | None, str]] = []
    for index in _in_turn(samples.targets.strata(), len(samples), most):
        title = samples.targets.text(index)
        try:
            found.append((small(samples.read(index, channels)), title))
        except BadImageError:
            found.append((None, title))
    return found


def _is_grey(dataset: Dataset) -> bool:
    """Whether the first readable image of some has one channel."""
    samples = next(iter(dataset.splits.values()))
    for index in range(min(len(samples), 16)):
        try:
            return samples.measure(index)[2] == 1
        except BadImageError:
            continue
    return False


def _in_turn(strata: Indices | None, count: int, most: int) -> list[int]:
    """Numbers of images: the first of each class, then the second of each, ..., then by class."""
    order = permutation(key_for("glance"), count)
    if strata is None:
        return [int(i) for i in order[:most]]
    rank = np.empty(count, dtype=np.int64)
    seen: dict[int, int] = {}
    for index in order.tolist():
        kind = int(strata[index])
        rank[index] = seen[kind] = seen.get(kind, -1) + 1
    chosen = sorted(order.tolist(), key=lambda i: (rank[i], int(strata[i])))[:most]
    return sorted(chosen, key=lambda i: (int(strata[i]), rank[i]))
