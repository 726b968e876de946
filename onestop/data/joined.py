"""Some samples of several splits, as one split.

Legend: N samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.images.deep import Deep
from onestop.images.pillow import Pixels
from onestop.images.pixel_range import PixelRange


class JoinedSamples(Samples):
    """Samples of several splits one after the other, which share their list of names."""

    def __init__(self, parts: Sequence[Samples]) -> None:
        self.parts = tuple(parts)
        self.targets = parts[0].targets.joined([part.targets for part in parts[1:]])
        self.features = parts[0].features
        self._ends = np.cumsum([len(part) for part in parts])
        self.digests.keys[:] = np.concatenate([part.digests.keys for part in parts])

    def _at(self, index: int) -> tuple[Samples, int]:
        """The part that holds a sample, and its index there."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        part = self.parts[number]
        return part, index - int(self._ends[number]) + len(part)

    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        part, inside = self._at(index)
        return part.read(inside, channels, pixel_range)

    def deep(self, index: int) -> Deep | None:
        part, inside = self._at(index)
        return part.deep(inside)

    def is_deep(self, index: int) -> bool:
        part, inside = self._at(index)
        return part.is_deep(inside)

    def measure(self, index: int) -> tuple[int, int, int]:
        part, inside = self._at(index)
        return part.measure(inside)

    def name(self, index: int) -> str:
        part, inside = self._at(index)
        return part.name(inside)

    def content(self, index: int) -> bytes | None:
        part, inside = self._at(index)
        return part.content(inside)

    def size(self, index: int) -> int:
        part, inside = self._at(index)
        return part.size(inside)

    def digest(self, index: int) -> bytes:
        part, inside = self._at(index)
        return part.digest(inside)

    def identify(self, index: int) -> bytes:
        part, inside = self._at(index)
        return part.identify(inside)

    def take(self, indices: Indices) -> Samples:
        return taken(self.parts, indices)

    def identity(self) -> bytes:
        return b"\0".join(part.identity() for part in self.parts)

    @property
    def remarks(self) -> Mapping[int, str]:  # type: ignore[override]
        """Of the images read so far."""
        starts = self._ends - [len(part) for part in self.parts]
        return {
            int(start) + index: remark
            for start, part in zip(starts, self.parts, strict=True)
            for index, remark in part.remarks.items()
        }


def taken(parts: Sequence[Samples], places: NDArray[np.int64]) -> Samples:
    """Samples at some places of several splits, counted through all of them, in ascending order."""
    ends = np.cumsum([len(part) for part in parts])
    chosen = []
    for part, end in zip(parts, ends, strict=True):
        inside = places[(places >= end - len(part)) & (places < end)] - (end - len(part))
        if len(inside):
            chosen.append(part if len(inside) == len(part) else part.take(np.sort(inside)))
    if not chosen:
        return parts[0].take(np.zeros(0, np.int64))
    return chosen[0] if len(chosen) == 1 else JoinedSamples(chosen)
