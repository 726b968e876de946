"""How often each value occurs in images of more than 8 bits, and the pixel range that follows.

The counts are of all values of all images: they depend neither on the order of the images nor on the
number of threads. Values are counted in bins, 2,048 for each power of two, which separates all integers
up to 4,096; of each bin the smallest and the largest value are kept, so that the ends of a range are
values that occur.

The rule (`ValueCounts.pixel_range`):

1. From the smallest to the largest value, outliers aside: values further from the middle 99.8 % than
   these are wide. So a hot pixel counts for nothing, and nothing else is cut off.
2. If this fills at least half of a usual scale from 0 (integers: 8 to 16 or 32 bits; floats: 1, 255 or
   65,535), it is that scale: images that use their scale keep it, whichever are drawn for training.

Medical and satellite images are scaled alike: nnU-Net clips to percentiles 0.5 and 99.5 of the whole
training set (Isensee et al. 2021, https://doi.org/10.1038/s41592-020-01008-z), QGIS to 2 and 98.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.images.eight_bits import to_8_bits

_SHIFT = 12  # bits of a float32 that bins leave out
_BINS = 2 ** (32 - _SHIFT)
_TAIL = 0.001  # share of the values at either end outside the middle
_SCALES = (*(2.0**bits - 1 for bits in range(8, 17)), 2.0**32 - 1)
_FLOAT_SCALES = (1.0, 255.0, 65535.0)
_RARE = 1e-4  # share of the values below which a level or bin counts for nothing
_FEW_LEVELS = 26  # a tenth of the 256


@dataclass(frozen=True)
class Counted:
    """Counts of some images: occupied bins, ascending, with count, smallest and largest value."""

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    floats: bool


@dataclass
class ValueCounts:
    """Counts of the values of any number of images, to which more can be added in any order.

    Attributes:
        kinds: Number of images of each kind: `16-bit`, `float`, ..., and `8-bit`, which is not counted.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    floats: bool = False
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    _lowest: NDArray[np.float64] = field(default_factory=lambda: np.full(_BINS, np.inf))
    _highest: NDArray[np.float64] = field(default_factory=lambda: np.full(_BINS, -np.inf))

    def add(self, part: Counted) -> None:
        """Add the counts of some images."""
        at = part.bins
        self._counts[at] += part.counts
        self._lowest[at] = np.minimum(self._lowest[at], part.lowest)
        self._highest[at] = np.maximum(self._highest[at], part.highest)
        self.floats |= part.floats

    def pixel_range(self) -> tuple[float, float]:
        """Which values become black and white; see the rule above."""
        low, high = self._without_outliers()
        scales = _FLOAT_SCALES if self.floats else _SCALES
        scale = next((top for top in scales if low >= 0 and high <= top), math.inf)
        if high - low >= scale / 2:
            return 0.0, scale
        if low == high:  # every scale would do
            return (0.0, scale) if math.isfinite(scale) else (low, low + 1)
        return (
            (_rounded(low, down=True), _rounded(high, down=False)) if self.floats else (low, high)
        )

    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        occupied = np.flatnonzero(self._counts)
        return float(self._lowest[occupied[0]]), float(self._highest[occupied[-1]])

    def outside(self, low: float, high: float) -> float:
        """The share of all values outside a range, up to the width of a bin."""
        out = (self._highest < low) | (self._lowest > high)
        return float(self._counts[out & (self._counts > 0)].sum() / self._counts.sum())

    def few_levels(self, low: float, high: float) -> int:
        """How many of the 256 levels the images use under a range, if it hides much; else 0."""
        often = np.flatnonzero(self._counts >= max(1.0, _RARE * self._counts.sum()))
        levels, _ = to_8_bits(self._lowest[often], low, high)
        weights = np.bincount(levels, self._counts[often], 256) / self._counts.sum()
        used = int((weights >= _RARE).sum())
        return used if used < _FEW_LEVELS and len(often) > 2 * used else 0

    def _without_outliers(self) -> tuple[float, float]:
        occupied = np.flatnonzero(self._counts)
        counts, lowest, highest = (a[occupied] for a in (self._counts, self._lowest, self._highest))
        tail = math.ceil(_TAIL * counts.sum())
        first = int(np.searchsorted(counts.cumsum(), tail, side="right"))
        last = len(counts) - 1 - int(np.searchsorted(counts[::-1].cumsum(), tail, side="right"))
        if first >= len(counts) or last < 0 or highest[last] <= lowest[first]:
            return float(lowest[0]), float(highest[-1])
        width = highest[last] - lowest[first]
        near = (lowest >= lowest[first] - width) & (highest <= highest[last] + width)
        return float(lowest[near].min()), float(highest[near].max())


def count_values(parts: Iterable[NDArray[Any]]) -> list[Counted]:
    """Count the values of an image that comes in parts of any shape; all are finite."""
    return [_counted(part) for part in parts if part.size]


def _counted(values: NDArray[Any]) -> Counted:
    ordered = np.sort(values, axis=None, kind="stable")  # a radix sort for 16 bits
    bins = _bins(ordered)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(bins)) + 1])
    ends = np.append(starts[1:], len(bins))
    return Counted(
        bins[starts], ends - starts, ordered[starts].astype(np.float64),
        ordered[ends - 1].astype(np.float64), values.dtype.kind == "f",
    )  # fmt: skip


def _bins(ordered: NDArray[Any]) -> NDArray[np.int64]:
    """The bin of each value: the first 20 bits of its float32, in an order that follows the values."""
    largest = np.finfo(np.float32).max
    singles = np.clip(ordered.astype(np.float64), -largest, largest).astype(
        np.float32
    ) + np.float32(0)
    bits = singles.view(np.uint32)
    keys = np.where(bits >> 31, ~bits, bits | np.uint32(2**31))
    return (keys >> _SHIFT).astype(np.int64)


def _rounded(value: float, *, down: bool) -> float:
    """Six digits of a value are enough: away from the middle, so that nothing falls outside."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 5)
    steps = math.floor(value / unit) if down else math.ceil(value / unit)
    return float(f"{steps * unit:.6g}")
