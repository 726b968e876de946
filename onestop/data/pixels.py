"""Sources of prepared samples: memory, a cache file, arrays, or images decoded each time.

`choose_source` picks one. All yield bit-identical samples and differ only in speed. Each source works
in the way that is fastest for it: cached samples are processed in chunks of several batches, and only
images that must be decoded use threads.

Legend: N samples in a split, n in a chunk, C channels, h and w height and width as prepared.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from onestop.data.augmentation import Change, part_of
from onestop.data.batch import Chunk
from onestop.data.decoded import CHUNK, DecodedCache, require_memory
from onestop.data.disk_cache import DiskCache
from onestop.data.memory_format import taken
from onestop.data.prefetch import groups
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, interpolate, pixel_tensor
from onestop.data.reading import Crop, Reader
from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.recipe import Cache
from onestop.runtime.rng import key_for, permutation

KEEP_BYTES = 2**31
"""Prepared splits up to this size (2 GiB) are cached in memory."""
_CHUNK_BYTES = 2**24  # as float32; larger chunks would not fit the CPU caches

Keep: TypeAlias = Cache | Literal["small"]
"""`small`: in memory after the first use, if the split is at most `KEEP_BYTES`."""


@dataclass(eq=False)
class PixelSource(ABC):
    """Prepared samples of a split by index.

    Attributes:
        samples: The split.
        preprocessing: How they are prepared; mean and standard deviation are not used.
        bad: Index of each image that proved unreadable, with the reason.
        reads_ahead: Whether threads read training images while the network computes.
    """

    samples: Samples
    preprocessing: Preprocessing
    bad: dict[int, str] = field(default_factory=dict)
    reads_ahead: ClassVar[bool] = False

    @abstractmethod
    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        """The readable samples of a plan, not augmented: one chunk per entry."""

    @abstractmethod
    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        """The same, augmented: one chunk per entry, or per several entries with their cuts."""

    def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Do one-time work, unless it is done already."""

    def look_through(self) -> None:
        """Find all unreadable images."""
        self.open()

    @property
    def is_small(self) -> bool:
        """Whether statistics use all samples, because the split is small enough to cache."""
        return _prepared_size(self.samples, self.preprocessing) <= KEEP_BYTES

    def prepared(self, limit: int) -> Iterator[Tensor]:
        """Samples for statistics: all of a small split, else about `limit` of them at random.

        The selection does not depend on whether or where they are cached.
        """
        indices = np.arange(len(self.samples))
        if not self.is_small:
            indices = np.sort(permutation(key_for("statistics"), len(indices))[:limit])
        size = _chunk_size(self.preprocessing)
        plan = np.split(indices, range(size, len(indices), size))
        yield from (chunk.images for chunk in self._for_statistics(plan))

    def _for_statistics(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        return self.in_order(plan)


@dataclass(eq=False)
class Cached(PixelSource):
    """Samples prepared once, in memory or in a memory-mapped file.

    Attributes:
        load: Returns all of them, [N, ...], on first use, and adds to `bad`.
    """

    load: Callable[[], Tensor] = field(kw_only=True)

    @functools.cached_property
    def images(self) -> Tensor:
        """All prepared samples, [N, ...]."""
        return self.load()

    def open(self) -> None:
        _ = self.images

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        self.open()  # also finds the unreadable ones
        for indices in plan:
            yield self._taken(self._readable(indices))

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        """Processes several small batches at once.

        A chunk costs little more than a batch of a few images. It does not affect the result, since
        every image is changed independently of the others.
        """
        self.open()
        for batches in _together(list(plan), _chunk_size(self.preprocessing)):
            readable = [self._readable(batch) for batch in batches]
            cuts = np.cumsum([len(batch) for batch in readable])[:-1].tolist()
            yield self._taken(np.concatenate(readable), cuts).changed(change)

    def _taken(self, indices: Indices, cuts: Sequence[int] = ()) -> Chunk:
        return Chunk(taken(self.images, torch.from_numpy(indices)), indices, cuts=cuts)

    def _readable(self, indices: Indices) -> Indices:
        if not self.bad:
            return indices
        return indices[[int(index) not in self.bad for index in indices]]


class Arrays(PixelSource):
    """Samples in memory, prepared batch by batch on each use."""

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        for indices in plan:
            yield Chunk(self.preprocessing.prepare_many(self.samples, indices), indices)

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        for chunk in self.in_order(plan):
            yield chunk.changed(change)


@dataclass(eq=False)
class Decoded(PixelSource):
    """Images that are read and prepared one by one on each use.

    Attributes:
        workers: Threads; 0 reads each image when it is requested.
    """

    workers: int = 0
    reads_ahead: ClassVar[bool] = True

    def look_through(self) -> None:
        for _ in self.in_order(map(np.array, groups(len(self.samples)))):
            pass

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        return self._reader.chunks(plan, self._prepare)

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        return self._reader.changed(plan, self._prepare, change)

    @property
    def _reader(self) -> Reader:
        return Reader(self.workers, self.bad, self.preprocessing.room(0))

    def _prepare(self, index: int) -> tuple[Tensor, None]:
        return self.preprocessing.prepare(self.samples, index), None


@dataclass(eq=False)
class RandomPart(PixelSource):
    """Images of which each epoch prepares a different crop.

    Attributes:
        workers: Threads.
        smaller: Cached copies of the images, scaled down but large enough for the crops.
    """

    preprocessing: ImagePreprocessing
    workers: int = 0
    smaller: Samples | None = None
    reads_ahead: ClassVar[bool] = True

    @property
    def is_small(self) -> bool:
        return False

    def look_through(self) -> None:
        if self.smaller is None:  # else each was read when it was scaled down
            self._whole(self.samples).look_through()

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        """Whole images, prepared from the original samples rather than the smaller copies."""
        return self._whole(self.samples).in_order(plan)

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        to, samples = self.preprocessing, self._smallest

        def prepare(index: int) -> tuple[Tensor, Crop]:
            pixels = samples.read(index, to.channels, to.pixel_range)
            height, width = pixels.shape[:2]
            top, left, h, w = part_of(height, width, change.draw(np.array([index])))
            image = pixel_tensor(pixels[top : top + h, left : left + w])
            crop = (top / height, left / width, h / height, w / width)
            return interpolate(image, to.size, to.interpolation)[0], crop

        return Reader(self.workers, self.bad, to.room(0)).changed(plan, prepare, change)

    def _for_statistics(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        return self._whole(self._smallest).in_order(plan)

    @property
    def _smallest(self) -> Samples:
        return self.samples if self.smaller is None else self.smaller

    def _whole(self, samples: Samples) -> PixelSource:
        return _uncached(samples, self.preprocessing, self.bad, self.workers)


def choose_source(
    samples: Samples,
    preprocessing: Preprocessing,
    *,
    parts: bool = False,
    workers: int = 0,
    keep: Keep = "small",
    store: DiskCache | None = None,
) -> PixelSource:
    """Choose the source of a split's prepared samples.

    Args:
        samples: The split.
        preprocessing: How they are prepared.
        parts: Whether each epoch prepares different crops (`Augmentation.cuts_parts`).
        workers: Threads that read and decode.
        keep: Where to cache them. Caches are filled immediately, except with `small`.
        store: The disk cache used by `disk`. If it fails, small splits are cached in memory.

    Raises:
        UsageError: The memory cache does not fit into memory.
    """
    bad: dict[int, str] = {}
    cache = DecodedCache(samples, preprocessing, workers, bad, store if keep == "disk" else None)
    if parts:
        assert isinstance(preprocessing, ImagePreprocessing)
        smaller = cache.scaled() if keep in ("memory", "disk") else None
        return RandomPart(samples, preprocessing, bad, workers, smaller)
    if keep == "disk" and (images := cache.prepared_on_disk()) is not None:
        return Cached(samples, preprocessing, bad, load=lambda: images)
    size = _prepared_size(samples, preprocessing)
    if keep == "memory" and size > KEEP_BYTES:
        require_memory(size, len(samples), "memory")
    if keep == "none" or (size > KEEP_BYTES and keep != "memory"):
        return _uncached(samples, preprocessing, bad, workers)
    source = Cached(samples, preprocessing, bad, load=cache.prepared)
    if keep != "small":
        source.open()
    return source


def _uncached(
    samples: Samples, preprocessing: Preprocessing, bad: dict[int, str], workers: int
) -> PixelSource:
    if samples.in_memory:
        return Arrays(samples, preprocessing, bad)
    return Decoded(samples, preprocessing, bad, workers)


def _prepared_size(samples: Samples, preprocessing: Preprocessing) -> int:
    """Number of values of all prepared samples; for images, their size in bytes."""
    return len(samples) * int(np.prod(preprocessing.shape))


def _chunk_size(preprocessing: Preprocessing) -> int:
    """Maximum number of samples processed together."""
    return max(1, min(CHUNK, _CHUNK_BYTES // (4 * int(np.prod(preprocessing.shape)))))


def _together(batches: list[Indices], limit: int) -> Iterator[list[Indices]]:
    """Group whole batches into lists of at most `limit` samples, but at least one batch."""
    while batches:
        sizes = np.cumsum([len(batch) for batch in batches[:limit]])
        count = max(1, int(np.searchsorted(sizes, limit, side="right")))
        yield batches[:count]
        batches = batches[count:]
