"""Where prepared samples come from: memory, a file, arrays, or images that are decoded each time.

`choose_source` decides. Whatever it chooses, the samples have the same bits; what differs is the time
they take. A source knows where the work is done best: kept samples are taken in chunks of several
batches, and only images that must be decoded are worth threads.

Legend: N samples of a split, n of a chunk, C channels, h and w height and width as prepared.
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
"""Prepared splits up to this size (2 GiB) are kept in memory."""
_CHUNK_BYTES = 2**24  # in 32 bits, more in one call no longer fit the caches

Keep: TypeAlias = Cache | Literal["small"]
"""`small`: in memory from their first use on, if they are no more than `KEEP_BYTES`."""


@dataclass(eq=False)
class PixelSource(ABC):
    """Prepared samples of a split by their numbers.

    Attributes:
        samples: The split.
        preprocessing: How they are prepared; its mean and deviation do not matter.
        bad: Number of each image found unreadable so far, with the reason.
        reads_ahead: Whether threads read training images while the network computes.
    """

    samples: Samples
    preprocessing: Preprocessing
    bad: dict[int, str] = field(default_factory=dict)
    reads_ahead: ClassVar[bool] = False

    @abstractmethod
    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        """The readable samples of a plan, as they are: a chunk per entry."""

    @abstractmethod
    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        """The same, augmented: a chunk per entry, or one of several entries with its cuts."""

    def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Do the work that is done once, unless it is done already."""

    def look_through(self) -> None:
        """See that all unreadable images are known."""
        self.open()

    @property
    def is_small(self) -> bool:
        """Whether statistics are made of all samples, since they could all be kept."""
        return _prepared_size(self.samples, self.preprocessing) <= KEEP_BYTES

    def prepared(self, limit: int) -> Iterator[Tensor]:
        """Samples for statistics: all of a small split, else about `limit` of them, by chance.

        Which ones depends neither on whether they are kept nor where.
        """
        chosen = np.arange(len(self.samples))
        if not self.is_small:
            chosen = np.sort(permutation(key_for("statistics"), len(chosen))[:limit])
        most = _at_once(self.preprocessing)
        plan = np.split(chosen, range(most, len(chosen), most))
        yield from (chunk.images for chunk in self._for_statistics(plan))

    def _for_statistics(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        return self.in_order(plan)


@dataclass(eq=False)
class Kept(PixelSource):
    """Samples that are prepared once, in memory or in a file that is mapped into it.

    Attributes:
        load: Gives them all, [N, ...], when they are first used, and adds to `bad`.
    """

    load: Callable[[], Tensor] = field(kw_only=True)

    @functools.cached_property
    def images(self) -> Tensor:
        """All prepared samples, [N, ...]."""
        return self.load()

    def open(self) -> None:
        _ = self.images

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        self.open()  # which shows what is unreadable
        for indices in plan:
            yield self._taken(self._readable(indices))

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        """Several small batches at once.

        What is done to a chunk costs little more than what is done to a batch of a few images. No
        result depends on it, since what is done to an image never looks at another.
        """
        self.open()
        for batches in _together(list(plan), _at_once(self.preprocessing)):
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
    """Samples in memory, prepared a batch at a time whenever they are used."""

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        for indices in plan:
            yield Chunk(self.preprocessing.prepare_many(self.samples, indices), indices)

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        for chunk in self.in_order(plan):
            yield chunk.changed(change)


@dataclass(eq=False)
class Decoded(PixelSource):
    """Images that are read and prepared one by one whenever they are used.

    Attributes:
        workers: Threads; 0 reads an image when it is asked for.
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
    """Images of which each epoch prepares another part.

    Attributes:
        workers: Threads.
        smaller: Copies of the images that are kept, large enough to cut the parts out of.
    """

    preprocessing: ImagePreprocessing
    workers: int = 0
    smaller: Samples | None = None
    reads_ahead: ClassVar[bool] = True

    @property
    def is_small(self) -> bool:
        return False

    def look_through(self) -> None:
        if self.smaller is None:  # else each was read when it was made smaller
            self._whole(self.samples).look_through()

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        """Whole images, prepared from the samples themselves and not from smaller copies."""
        return self._whole(self.samples).in_order(plan)

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        to, samples = self.preprocessing, self._kept

        def prepare(index: int) -> tuple[Tensor, Crop]:
            pixels = samples.read(index, to.channels)
            height, width = pixels.shape[:2]
            top, left, h, w = part_of(height, width, change.draw(np.array([index])))
            image = pixel_tensor(pixels[top : top + h, left : left + w])
            crop = (top / height, left / width, h / height, w / width)
            return interpolate(image, to.size, to.interpolation)[0], crop

        return Reader(self.workers, self.bad, to.room(0)).changed(plan, prepare, change)

    def _for_statistics(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        return self._whole(self._kept).in_order(plan)

    @property
    def _kept(self) -> Samples:
        return self.samples if self.smaller is None else self.smaller

    def _whole(self, samples: Samples) -> PixelSource:
        return _prepared_anew(samples, self.preprocessing, self.bad, self.workers)


def choose_source(
    samples: Samples,
    preprocessing: Preprocessing,
    *,
    parts: bool = False,
    workers: int = 0,
    keep: Keep = "small",
    store: DiskCache | None = None,
) -> PixelSource:
    """Where the prepared samples of a split come from.

    Args:
        samples: The split.
        preprocessing: How they are prepared.
        parts: Whether each epoch prepares other parts of the images (`Augmentation.cuts_parts`).
        workers: Threads that read and decode.
        keep: What is kept of them, and where. Except for `small` ones that is prepared now.
        store: Where `disk` keeps them. If that fails, small splits are kept in memory.

    Raises:
        UsageError: What is to be kept in memory does not fit there.
    """
    bad: dict[int, str] = {}
    cache = DecodedCache(samples, preprocessing, workers, bad, store if keep == "disk" else None)
    if parts:
        assert isinstance(preprocessing, ImagePreprocessing)
        smaller = cache.scaled() if keep in ("memory", "disk") else None
        return RandomPart(samples, preprocessing, bad, workers, smaller)
    if keep == "disk" and (stored := cache.prepared_on_disk()) is not None:
        return Kept(samples, preprocessing, bad, load=lambda: stored)
    size = _prepared_size(samples, preprocessing)
    if keep == "memory" and size > KEEP_BYTES:
        require_memory(size, len(samples), "memory")
    if keep == "none" or (size > KEEP_BYTES and keep != "memory"):
        return _prepared_anew(samples, preprocessing, bad, workers)
    kept = Kept(samples, preprocessing, bad, load=cache.prepared)
    if keep != "small":
        kept.open()
    return kept


def _prepared_anew(
    samples: Samples, preprocessing: Preprocessing, bad: dict[int, str], workers: int
) -> PixelSource:
    if samples.in_memory:
        return Arrays(samples, preprocessing, bad)
    return Decoded(samples, preprocessing, bad, workers)


def _prepared_size(samples: Samples, preprocessing: Preprocessing) -> int:
    """Bytes of all prepared samples, if they are images; of vectors, their number of values."""
    return len(samples) * int(np.prod(preprocessing.shape))


def _at_once(preprocessing: Preprocessing) -> int:
    """Samples that are handled together at most."""
    return max(1, min(CHUNK, _CHUNK_BYTES // (4 * int(np.prod(preprocessing.shape)))))


def _together(batches: list[Indices], most: int) -> Iterator[list[Indices]]:
    """As many whole batches at a time as have no more than `most` samples, but at least one."""
    while batches:
        sizes = np.cumsum([len(batch) for batch in batches[:most]])
        count = max(1, int(np.searchsorted(sizes, most, side="right")))
        yield batches[:count]
        batches = batches[count:]
