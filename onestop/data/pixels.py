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
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from onestop.data.augmentation import UNMOVED, Change, Moves, part_of
from onestop.data.decoded import CHUNK, DecodedCache, require_memory
from onestop.data.disk_cache import DiskCache
from onestop.data.memory_format import taken
from onestop.data.prefetch import ahead, groups
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, interpolate, pixel_tensor
from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.images.formats import BadImageError
from onestop.recipe import Cache
from onestop.runtime.rng import key_for, permutation

KEEP_BYTES = 2**31
"""Prepared splits up to this size (2 GiB) are kept in memory."""
_CHUNK_BYTES = 2**24  # in 32 bits, more in one call no longer fit the caches

Keep: TypeAlias = Cache | Literal["small"]
"""`small`: in memory from their first use on, if they are no more than `KEEP_BYTES`."""
_Crop: TypeAlias = tuple[float, float, float, float]
_Prepare: TypeAlias = Callable[[int], tuple[Tensor, _Crop | None]]
"""From the number of an image to the prepared image and the part that was cut out for it."""


@dataclass(frozen=True)
class Chunk:
    """Prepared samples of one batch, or of several that are handled together.

    Attributes:
        images: [n, C, h, w] of uint8, or vectors [n, F].
        indices: Their numbers, [n].
        moves: What was done to them.
        cuts: Places between the batches.
    """

    images: Tensor
    indices: Indices
    moves: Moves = UNMOVED
    cuts: Sequence[int] = ()


class PixelSource(ABC):
    """Prepared samples of a split by their numbers.

    Attributes:
        samples: The split.
        preprocessing: How they are prepared; its mean and deviation do not matter.
        bad: Number of each image found unreadable so far, with the reason.
        reads_ahead: Whether threads read training images while the network computes.
    """

    reads_ahead: ClassVar[bool] = False

    def __init__(self, samples: Samples, preprocessing: Preprocessing) -> None:
        self.samples, self.preprocessing = samples, preprocessing
        self.bad: dict[int, str] = {}

    @property
    def is_small(self) -> bool:
        """Whether statistics are made of all samples, since they could all be kept."""
        return prepared_size(self.samples, self.preprocessing) <= KEEP_BYTES

    def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Do the work that is done once, unless it is done already."""

    def look_through(self) -> None:
        """See that all unreadable images are known."""
        self.open()

    @abstractmethod
    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        """The samples of a plan, as they are: a chunk per entry, without the unreadable ones."""

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        """The samples of a plan, augmented: a chunk per entry, or one of several entries with cuts."""
        for chunk in self.in_order(plan):
            yield _changed(chunk, change)

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


class Kept(PixelSource):
    """Samples that are prepared once, in memory or in a file that is mapped into it."""

    def __init__(
        self,
        samples: Samples,
        preprocessing: Preprocessing,
        bad: dict[int, str],
        load: Callable[[], Tensor],
    ) -> None:
        """`load` gives them all, [N, ...], when they are first used; it adds to `bad`."""
        super().__init__(samples, preprocessing)
        self.bad, self._load = bad, load

    @functools.cached_property
    def images(self) -> Tensor:
        """All prepared samples, [N, ...]."""
        return self._load()

    def open(self) -> None:  # noqa: D102
        _ = self.images

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:  # noqa: D102
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
            yield _changed(self._taken(np.concatenate(readable), cuts), change)

    def _taken(self, indices: Indices, cuts: Sequence[int] = ()) -> Chunk:
        return Chunk(taken(self.images, torch.from_numpy(indices)), indices, cuts=cuts)

    def _readable(self, indices: Indices) -> Indices:
        if not self.bad:
            return indices
        return indices[[int(index) not in self.bad for index in indices]]


class Arrays(PixelSource):
    """Samples in memory, prepared a batch at a time whenever they are used."""

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:  # noqa: D102
        for indices in plan:
            yield Chunk(self.preprocessing.prepare_many(self.samples, indices), indices)


class Decoded(PixelSource):
    """Images that are read and prepared one by one whenever they are used, by threads ahead."""

    reads_ahead = True

    def __init__(
        self, samples: Samples, preprocessing: Preprocessing, workers: int,
        bad: dict[int, str] | None = None,
    ) -> None:  # fmt: skip
        """`workers` is the number of threads; 0 reads when images are asked for."""
        super().__init__(samples, preprocessing)
        self.workers = workers
        self.bad = {} if bad is None else bad

    def look_through(self) -> None:  # noqa: D102
        for _ in self.in_order(map(np.array, groups(len(self.samples)))):
            pass

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:  # noqa: D102
        return self._read(plan, self._prepare)

    def train(self, plan: Iterable[Indices], change: Change) -> Iterator[Chunk]:
        """Slow changes are made image by image where images are read.

        Flips and crops of a whole batch take less time than handing them out to threads would.
        """
        prepare = self._preparing(change)
        if not change.augmentation.recolors:
            for chunk in self._read(plan, prepare):
                yield _changed(chunk, change)
            return

        def prepare_changed(index: int) -> tuple[Tensor, _Crop | None]:
            image, crop = prepare(index)
            images, _ = change(image[None], np.array([index]))
            return images[0], crop

        for chunk in self._read(plan, prepare_changed):
            moves = change.moves(chunk.images, chunk.indices, chunk.moves.crop)
            yield Chunk(chunk.images, chunk.indices, moves)

    def _prepare(self, index: int) -> tuple[Tensor, _Crop | None]:
        return self.preprocessing.prepare(self.samples, index), None

    def _preparing(self, change: Change) -> _Prepare:  # noqa: ARG002
        """What prepares an image to train on."""
        return self._prepare

    def _read(self, plan: Iterable[Indices], prepare: _Prepare) -> Iterator[Chunk]:
        def load(index: int) -> tuple[Tensor, _Crop | None] | None:
            if index in self.bad:
                return None
            try:
                return prepare(index)
            except BadImageError as error:
                self.bad[index] = str(error)
                return None

        batches = list(plan)
        loaded = ahead([indices.tolist() for indices in batches], load, self.workers)
        for indices, found in zip(batches, loaded, strict=True):
            good = indices[[pair is not None for pair in found]]
            pairs = [pair for pair in found if pair is not None]
            images = [image for image, _ in pairs]
            crops = [crop for _, crop in pairs if crop]
            yield Chunk(
                torch.stack(images) if images else self.preprocessing.room(0),
                good,
                Moves(np.array(crops) if crops else None),
            )


class RandomPart(Decoded):
    """Images of which each epoch prepares another part, cut out of `whole` ones."""

    preprocessing: ImagePreprocessing

    def __init__(
        self, samples: Samples, preprocessing: ImagePreprocessing, workers: int,
        bad: dict[int, str] | None = None, whole: Samples | None = None,
    ) -> None:  # fmt: skip
        """`whole` are smaller copies of the samples that are kept; the samples if not given."""
        super().__init__(samples, preprocessing, workers, bad)
        self.whole = whole or samples

    @property
    def is_small(self) -> bool:  # noqa: D102
        return False

    def look_through(self) -> None:  # noqa: D102
        if self.whole is self.samples:  # else each was read when it was made smaller
            super().look_through()

    def in_order(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        """Prepared from the samples themselves, not from smaller copies."""
        return self._plain(self.samples).in_order(plan)

    def _for_statistics(self, plan: Iterable[Indices]) -> Iterator[Chunk]:
        return self._plain(self.whole).in_order(plan)

    def _plain(self, samples: Samples) -> PixelSource:
        if samples.in_memory:
            return Arrays(samples, self.preprocessing)
        return Decoded(samples, self.preprocessing, self.workers, self.bad)

    def _preparing(self, change: Change) -> _Prepare:
        to = self.preprocessing

        def prepare(index: int) -> tuple[Tensor, _Crop]:
            pixels = self.whole.read(index, to.channels)
            height, width = pixels.shape[:2]
            top, left, h, w = part_of(height, width, change.draw(np.array([index])))
            image = pixel_tensor(pixels[top : top + h, left : left + w])
            crop = (top / height, left / width, h / height, w / width)
            return interpolate(image, to.size, to.interpolation)[0], crop

        return prepare


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
    size = prepared_size(samples, preprocessing)
    small = size <= KEEP_BYTES
    if parts:
        assert isinstance(preprocessing, ImagePreprocessing)
        whole = cache.scaled() if keep in ("memory", "disk") else None
        return RandomPart(samples, preprocessing, workers, bad, whole)
    if keep == "disk":
        stored = cache.prepared_on_disk()
        if stored is not None:
            return Kept(samples, preprocessing, bad, lambda: stored)
    if keep == "memory" and not small:
        require_memory(size, len(samples), "memory")
    if keep == "memory" or (keep != "none" and small):
        kept = Kept(samples, preprocessing, bad, cache.prepared)
        if keep != "small":
            kept.open()
        return kept
    if samples.in_memory:
        return Arrays(samples, preprocessing)
    return Decoded(samples, preprocessing, workers, bad)


def prepared_size(samples: Samples, preprocessing: Preprocessing) -> int:
    """Bytes of all prepared samples, if they are images; of vectors, their number of values."""
    return len(samples) * int(np.prod(preprocessing.shape))


def _changed(chunk: Chunk, change: Change) -> Chunk:
    images, moves = change(chunk.images, chunk.indices, chunk.moves.crop)
    return Chunk(images, chunk.indices, moves, chunk.cuts)


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
