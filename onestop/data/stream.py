"""Batches: which images, in which order, prepared by threads, the same whatever their number.

Small splits are prepared once and kept as one uint8 array; larger ones, and ones whose preparation
is random, are prepared while the network computes, a few batches ahead.

Legend: N images of a split, B of a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.augment import augment_batch, prepare_part
from onestop.data.dataset import Skipped
from onestop.data.decode import BadImageError
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, pixel_tensor
from onestop.data.samples import ArraySamples, Samples
from onestop.device import Engine
from onestop.randomness import key_for, permutation
from onestop.recipe import Augment

KEEP_BYTES = 2**31
"""Prepared splits up to this size (2 GiB) are kept in memory."""
_AHEAD = 4  # batches prepared before they are asked for
_CHUNK = 1024  # images treated in one call: more no longer fit the processor's caches
_CHUNK_BYTES = 2**24  # ... nor do larger ones, as numbers of 32 bits

Indices = NDArray[np.int64]
_Item = TypeVar("_Item")
_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True)
class Batch:
    """A step's input: normalised inputs [B, ...], targets [B], and the images' numbers [B].

    B is smaller than planned where images could not be read, and can be 0.
    """

    inputs: Tensor
    targets: Tensor
    indices: Indices

    def cut(self, places: Sequence[int]) -> Iterator[Batch]:
        """The parts between the places, in order, without copying."""
        if not places:
            yield self
            return
        for inputs, targets, indices in zip(
            self.inputs.tensor_split(places),
            self.targets.tensor_split(places),
            np.split(self.indices, places),
            strict=True,
        ):
            yield Batch(inputs, targets, indices)


class Feed:
    """A split as batches: `train` in random order with augmentation, `in_order` without."""

    def __init__(
        self,
        samples: Samples,
        preprocessing: Preprocessing,
        *,
        engine: Engine | None = None,
        workers: int = 0,
        augment: Augment = "none",
        seed: int = 0,
        keep: bool = True,
    ) -> None:
        """`keep` allows a small split to be prepared once for many passes.

        Batches lie where `engine` wants its inputs; on the CPU where not given.
        """
        self.samples = samples
        self.preprocessing = preprocessing
        self.engine = engine or Engine(torch.device("cpu"))
        self.workers = workers
        self.augment: Augment = augment
        self.seed = seed
        self.targets = torch.from_numpy(np.asarray(samples.targets))
        self.bad: dict[int, str] = {}
        size = len(samples) * int(np.prod(preprocessing.shape))
        random = augment == "resized-crop"
        self._kept = self._prepare_all() if keep and not random and size <= KEEP_BYTES else None

    @property
    def reads_ahead(self) -> bool:
        """Whether threads read training images while the network computes."""
        arrays = isinstance(self.samples, ArraySamples) and self.augment != "resized-crop"
        return self._kept is None and not arrays

    def skipped(self) -> list[Skipped]:
        """The images found unreadable so far."""
        return [Skipped(self.samples.name(i), self.bad[i]) for i in sorted(self.bad)]

    def train(self, plan: Iterable[Indices], epoch: int) -> Iterator[Batch]:
        """The batches of a plan (see `epoch_plan`), augmented."""
        for cuts, indices, images in self._together(plan, epoch):
            if self.augment != "none":
                images = augment_batch(images, self.augment, self.seed, epoch, indices)  # noqa: PLW2901
            whole = self._batch(indices, images)
            yield from whole.cut(cuts)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All readable images in their stored order, as they are."""
        plan = np.split(
            np.arange(len(self.samples)), range(batch_size, len(self.samples), batch_size)
        )
        for indices, images in self._prepared(plan, None):
            if len(indices):
                yield self._batch(indices, images)

    def prepared(self, limit: int) -> Tensor:
        """Prepared images, not normalised: all where kept, else about `limit` chosen by chance."""
        if self._kept is not None:
            good = [i for i in range(len(self.samples)) if i not in self.bad]
            return self._kept if len(good) == len(self._kept) else self._kept[good]
        chosen = np.sort(permutation(key_for("statistics"), len(self.samples))[:limit])
        return torch.cat([images for _, images in self._prepared(np.split(chosen, [limit]), None)])

    def _batch(self, indices: Indices, images: Tensor) -> Batch:
        inputs = self.preprocessing.normalise(self.engine.place_inputs(images))
        targets = self.engine.send(self.targets[torch.from_numpy(indices)])
        return Batch(inputs, targets, indices)

    def _prepared(
        self, plan: Iterable[Indices], epoch: int | None
    ) -> Iterator[tuple[Indices, Tensor]]:
        """Batches of prepared images without the unreadable ones: one an entry of the plan."""
        if self._kept is not None:
            for indices in plan:
                good = self._good(indices)
                yield good, self._kept[torch.from_numpy(good)]
            return

        random_parts = epoch is not None and self.augment == "resized-crop"
        if isinstance(self.samples, ArraySamples) and not random_parts:
            for indices in plan:
                yield indices, self._prepare_some(self.samples, indices)
            return

        def load(index: int) -> Tensor | None:
            if index in self.bad:
                return None
            try:
                if random_parts and epoch is not None:
                    assert isinstance(self.preprocessing, ImagePreprocessing)
                    return prepare_part(self.samples, index, self.preprocessing, self.seed, epoch)
                return self.preprocessing.prepare(self.samples, index)
            except BadImageError as error:
                self.bad[index] = str(error)
                return None

        batches = list(plan)
        loaded = ahead([indices.tolist() for indices in batches], load, self.workers)
        for indices, images in zip(batches, loaded, strict=True):
            readable = [image for image in images if image is not None]
            good = indices[[image is not None for image in images]]
            yield good, torch.stack(readable) if readable else self._room(0)

    def _together(
        self, plan: Iterable[Indices], epoch: int
    ) -> Iterator[tuple[list[int], Indices, Tensor]]:
        """Images of several small batches at once, and where to cut them into batches again.

        What is done to a chunk costs little more than what is done to a batch of a few images. No
        result depends on it, since what is done to an image never looks at another.
        """
        if self._kept is None:  # prepared image by image anyway
            yield from (([], indices, images) for indices, images in self._prepared(plan, epoch))
            return
        most = max(1, min(_CHUNK, _CHUNK_BYTES // (4 * int(np.prod(self.preprocessing.shape)))))
        batches = list(plan)
        while batches:
            sizes = np.cumsum([len(batch) for batch in batches[:most]])
            count = max(1, int(np.searchsorted(sizes, most, side="right")))
            several, batches = [self._good(batch) for batch in batches[:count]], batches[count:]
            indices = np.concatenate(several)
            cuts = np.cumsum([len(batch) for batch in several])[:-1].tolist()
            yield cuts, indices, self._kept[torch.from_numpy(indices)]

    def _good(self, indices: Indices) -> Indices:
        if not self.bad:
            return indices
        return indices[[int(index) not in self.bad for index in indices]]

    def _prepare_all(self) -> Tensor:
        if isinstance(self.samples, ArraySamples):
            return self._prepare_array(self.samples)
        kept = self._room(len(self.samples))

        def load(index: int) -> None:
            try:
                kept[index] = self.preprocessing.prepare(self.samples, index)
            except BadImageError as error:
                self.bad[index] = str(error)

        everything = [range(i, min(i + 64, len(kept))) for i in range(0, len(kept), 64)]
        for _ in ahead(everything, load, self.workers):
            pass
        return kept

    def _room(self, count: int) -> Tensor:
        """Zeros where so many prepared samples find room."""
        dtype = torch.uint8 if isinstance(self.preprocessing, ImagePreprocessing) else torch.float32
        return torch.zeros((count, *self.preprocessing.shape), dtype=dtype)

    def _prepare_array(self, samples: ArraySamples) -> Tensor:
        if not isinstance(self.preprocessing, ImagePreprocessing):
            return torch.from_numpy(samples.values)
        kept = torch.empty((len(samples), *self.preprocessing.shape), dtype=torch.uint8)

        def load(start: int) -> None:
            part = np.arange(start, min(start + _CHUNK, len(samples)))
            kept[start : start + _CHUNK] = self._prepare_some(samples, part)

        for _ in ahead([range(0, len(samples), _CHUNK)], load, self.workers):
            pass
        return kept

    def _prepare_some(self, samples: ArraySamples, indices: Indices) -> Tensor:
        preprocessing = self.preprocessing
        if not isinstance(preprocessing, ImagePreprocessing):
            return torch.from_numpy(samples.values[indices])
        pixels = samples.many(indices, preprocessing.channels)
        return preprocessing.resize(pixel_tensor(pixels))


def epoch_plan(count: int, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """The batches of an epoch: every image once, in an order that is a function of seed and epoch.

    The last batch is smaller where the numbers ask for it. A last batch of one image joins the one
    before it, since BatchNorm can make nothing of a single image.
    """
    order = permutation(key_for(seed, "order", epoch), count)
    cuts = list(range(batch_size, count, batch_size))
    if batch_size > 1 and cuts and count - cuts[-1] == 1:
        cuts.pop()
    return np.split(order, cuts)


def ahead(
    batches: Iterable[Sequence[_Item]], load: Callable[[_Item], _Loaded], workers: int
) -> Iterator[list[_Loaded]]:
    """`load` each item of each batch in threads, a few batches ahead, in the order they come.

    Args:
        batches: Taken only as far as is looked ahead, so there may be no end of them.
        load: Runs in several threads at once.
        workers: Threads; 0 loads in the caller's own, when it is asked for.
    """
    if workers == 0:
        for items in batches:
            yield [load(item) for item in items]
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="onestop-data")
    waiting: deque[list[Future[_Loaded]]] = deque()
    try:
        for items in batches:
            waiting.append([pool.submit(load, item) for item in items])
            if len(waiting) > _AHEAD:
                yield [future.result() for future in waiting.popleft()]
        for futures in waiting:
            yield [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)
