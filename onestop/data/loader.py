"""Batches: which images, in which order, prepared by threads, the same whatever their number.

Small splits are prepared once and kept (`onestop/data/decoded.py`); larger ones, and ones whose
preparation is random, are prepared while the network computes, a few batches ahead.

Legend: N images of a split, B of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.augmentation import NO_CHANGES, Changes, augment_batch, prepare_part
from onestop.data.dataset import Skipped
from onestop.data.decoded import CHUNK, DecodedCache, prepare_some, require_memory, room
from onestop.data.disk_cache import DiskCache
from onestop.data.memory_format import taken
from onestop.data.mixing import Mixing, mixed
from onestop.data.prefetch import ahead, groups
from onestop.data.preprocess import ImagePreprocessing, Preprocessing
from onestop.data.samples import ArraySamples, Samples
from onestop.images.formats import BadImageError
from onestop.recipe import Augment, Cache
from onestop.runtime.device import Engine
from onestop.runtime.rng import key_for, permutation

KEEP_BYTES = 2**31
"""Prepared splits up to this size (2 GiB) are kept in memory."""
_CHUNK_BYTES = 2**24  # as numbers of 32 bits, more in one call no longer fit the caches

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """A step's input: normalised inputs [B, ...], targets [B], and the images' numbers [B].

    Where images are mixed, the targets say what share of each class is in them, [B, K]. B is smaller
    than planned where images could not be read, and can be 0.
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


class Loader:
    """A split as batches: `train` in random order with augmentation, `in_order` without."""

    def __init__(
        self,
        samples: Samples,
        preprocessing: Preprocessing,
        *,
        engine: Engine | None = None,
        workers: int = 0,
        augment: Augment = "none",
        padding: int | None = None,
        changes: Changes = NO_CHANGES,
        mixing: Mixing | None = None,
        seed: int = 0,
        keep: bool = True,
        cache: Cache | None = None,
        store: DiskCache | None = None,
    ) -> None:
        """`keep` allows a small split to be prepared once for many passes, when it is first used.

        Where `cache` says what is to be kept, `keep` does not count, and it is prepared now; on the
        disk, `store` says where. Batches lie where `engine` wants its inputs; on the CPU where not
        given.

        Raises:
            UsageError: What is to be kept in memory finds no room there.
        """
        self.samples = samples
        self.preprocessing = preprocessing
        self.engine = engine or Engine(torch.device("cpu"))
        self.workers = workers
        self.augment: Augment = augment
        self.padding = padding
        self.changes = changes
        self.mixing = mixing or Mixing()
        self.seed = seed
        self.targets = torch.from_numpy(np.asarray(samples.targets))
        self.bad: dict[int, str] = {}
        self._images: Tensor | None = None
        self._whole = samples  # what random parts are cut out of
        self._size = len(samples) * int(np.prod(preprocessing.shape))
        self._small = augment != "resized-crop" and self._size <= KEEP_BYTES
        self._to_keep: DecodedCache | None = None
        if cache != "none" and (cache or (keep and self._small)):
            self._to_keep = DecodedCache(samples, preprocessing, workers, self.bad, store)
        if cache:
            self.prepare()

    def prepare(self) -> None:
        """Decode what is to be kept, or open what an earlier run decoded, unless that is done."""
        keeper, self._to_keep = self._to_keep, None
        if keeper is None:
            return
        if self.augment == "resized-crop":
            self._whole = keeper.scaled()
            return
        if keeper.store:
            self._images = keeper.prepared_on_disk()
        if self._images is None and (self._small or not keeper.store):
            if not self._small:
                require_memory(self._size, len(self.samples), "memory")
            self._images = keeper.prepared()

    @property
    def _kept(self) -> Tensor | None:
        """The prepared images, where they are kept."""
        self.prepare()
        return self._images

    @property
    def reads_ahead(self) -> bool:
        """Whether threads read training images while the network computes."""
        arrays = isinstance(self.samples, ArraySamples) and self.augment != "resized-crop"
        return self._kept is None and not arrays

    def skipped(self) -> list[Skipped]:
        """The images found unreadable so far."""
        return [Skipped(self.samples.name(i), self.bad[i]) for i in sorted(self.bad)]

    def remarks(self) -> list[Skipped]:
        """What there is to say of images read so far, which are used all the same."""
        said = self.samples.remarks
        return [Skipped(self.samples.name(i), said[i]) for i in sorted(said)]

    def look_through(self) -> None:
        """Read every image once, so that all unreadable ones are known."""
        if self._kept is None and self._whole is self.samples:
            for _ in self._prepared(map(np.array, groups(len(self.samples))), None):
                pass

    def train(self, plan: Iterable[Indices], epoch: int) -> Iterator[Batch]:
        """The batches of a plan (see `epoch_plan`), augmented and mixed."""
        for cuts, indices, images in self._together(plan, epoch):
            augmented = images if self._in_threads else self._augmented(images, indices, epoch)
            for batch in self._batch(indices, augmented).cut(cuts):
                yield self._mixed(batch, epoch) if self.mixing else batch

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All readable images in their stored order, as they are."""
        plan = np.split(
            np.arange(len(self.samples)), range(batch_size, len(self.samples), batch_size)
        )
        for indices, images in self._prepared(plan, None):
            if len(indices):
                yield self._batch(indices, images)

    def prepared(self, limit: int) -> Iterator[Tensor]:
        """Prepared images, not normalised: those of a small split, else about `limit` by chance.

        Which ones depends neither on what is kept nor where.
        """
        chosen = np.arange(len(self.samples))
        if not self._small:
            chosen = np.sort(permutation(key_for("statistics"), len(chosen))[:limit])
        most = self._together_at_most()
        plan = np.split(chosen, range(most, len(chosen), most))
        yield from (images for _, images in self._prepared(plan, None, self._whole))

    @property
    def _in_threads(self) -> bool:
        """Whether images are augmented one by one where they are prepared.

        Flips and crops of a whole batch take less time than handing them out to threads would.
        """
        array = isinstance(self.samples, ArraySamples) and self.augment != "resized-crop"
        return bool(self.changes) and self._kept is None and not array

    def _augmented(self, images: Tensor, indices: Indices, epoch: int) -> Tensor:
        if self.augment == "none" and not self.changes:
            return images  # which may be vectors
        return augment_batch(
            images, self.augment, self.seed, epoch, indices, self.changes, self.preprocessing.mean,
            self.padding,
        )  # fmt: skip

    def _mixed(self, batch: Batch, epoch: int) -> Batch:
        if not len(batch.indices):
            return batch
        inputs, targets = mixed(
            batch.inputs, batch.targets, self.mixing, self.seed, epoch, int(batch.indices[0])
        )
        return Batch(inputs, targets, batch.indices)

    def _batch(self, indices: Indices, images: Tensor) -> Batch:
        inputs = self.preprocessing.normalise(self.engine.place_inputs(images))
        targets = self.engine.send(self.targets[torch.from_numpy(indices)])
        return Batch(inputs, targets, indices)

    def _prepared(
        self, plan: Iterable[Indices], epoch: int | None, samples: Samples | None = None
    ) -> Iterator[tuple[Indices, Tensor]]:
        """Batches of prepared images without the unreadable ones: one an entry of the plan.

        In training (an `epoch`) random parts are cut out of what is kept of the images; else they
        are prepared from `samples`, the images themselves where not given.
        """
        if self._kept is not None:
            for indices in plan:
                good = self._good(indices)
                yield good, taken(self._kept, torch.from_numpy(good))
            return

        random_parts = epoch is not None and self.augment == "resized-crop"
        if isinstance(self.samples, ArraySamples) and not random_parts:
            for indices in plan:
                yield indices, prepare_some(self.samples, self.preprocessing, indices)
            return

        def prepare(index: int) -> Tensor:
            if random_parts and epoch is not None:
                assert isinstance(self.preprocessing, ImagePreprocessing)
                return prepare_part(self._whole, index, self.preprocessing, self.seed, epoch)
            return self.preprocessing.prepare(samples or self.samples, index)

        def load(index: int) -> Tensor | None:
            if index in self.bad:
                return None
            try:
                image = prepare(index)
            except BadImageError as error:
                self.bad[index] = str(error)
                return None
            if epoch is None or not self._in_threads:
                return image
            return self._augmented(image[None], np.array([index]), epoch)[0]

        batches = list(plan)
        loaded = ahead([indices.tolist() for indices in batches], load, self.workers)
        for indices, images in zip(batches, loaded, strict=True):
            readable = [image for image in images if image is not None]
            good = indices[[image is not None for image in images]]
            yield good, torch.stack(readable) if readable else room(self.preprocessing, 0)

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
        most = self._together_at_most()
        batches = list(plan)
        while batches:
            sizes = np.cumsum([len(batch) for batch in batches[:most]])
            count = max(1, int(np.searchsorted(sizes, most, side="right")))
            several, batches = [self._good(batch) for batch in batches[:count]], batches[count:]
            indices = np.concatenate(several)
            cuts = np.cumsum([len(batch) for batch in several])[:-1].tolist()
            yield cuts, indices, taken(self._kept, torch.from_numpy(indices))

    def _together_at_most(self) -> int:
        return max(1, min(CHUNK, _CHUNK_BYTES // (4 * int(np.prod(self.preprocessing.shape)))))

    def _good(self, indices: Indices) -> Indices:
        if not self.bad:
            return indices
        return indices[[int(index) not in self.bad for index in indices]]


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
