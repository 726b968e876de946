"""The data loader: batches of a split, shuffled, augmented and normalised.

Legend: N samples in a split, B in a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.augmentation import NONE, Augmentation, Change, Draw, Moves
from onestop.data.batch import Batch, Chunk
from onestop.data.dataset import Skipped
from onestop.data.pixels import PixelSource, choose_source
from onestop.data.preprocess import Preprocessing
from onestop.data.samples import Samples
from onestop.data.targets import Indices, TargetBatch
from onestop.runtime.device import CPU, Engine
from onestop.runtime.rng import key_for, permutation

__all__ = ["Batch", "Loader", "epoch_plan"]


class Loader:
    """Batches of a split: `train` in random order with augmentation, `in_order` without.

    Attributes:
        samples: The split.
        preprocessing: From a sample to the network's input.
        augmentation: The random changes made by `train`.
        pixels: The source of prepared samples; see `onestop.data.pixels`.
        engine: Device and memory format of the batches.
    """

    def __init__(
        self,
        samples: Samples,
        preprocessing: Preprocessing,
        augmentation: Augmentation = NONE,
        pixels: PixelSource | None = None,
        engine: Engine = CPU,
    ) -> None:
        """Small splits are prepared once and cached in memory unless `pixels` is set."""
        self.samples = samples
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self.pixels = pixels or choose_source(samples, preprocessing, parts=augmentation.cuts_parts)
        self.engine = engine

    def train(self, plan: Iterable[Indices], epoch: int) -> Iterator[Batch]:
        """The batches of a plan (see `epoch_plan`), augmented and mixed."""
        change = Change(self.augmentation, epoch, self.preprocessing.mean, self._focus)
        for chunk in self.pixels.train(plan, change):
            for batch in self._batch(chunk).cut(chunk.cuts):
                yield self._mixed(batch, change) if self.augmentation.mixes else batch

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All readable images in their stored order, without augmentation."""
        count = len(self.samples)
        yield from self.unchanged(np.split(np.arange(count), range(batch_size, count, batch_size)))

    def unchanged(self, plan: Iterable[Indices]) -> Iterator[Batch]:
        """The batches of a plan, their readable images, without augmentation; none that is empty."""
        for chunk in self.pixels.in_order(plan):
            if len(chunk.indices):
                yield self._batch(chunk)

    def prepared(self, limit: int) -> Iterator[Tensor]:
        """Prepared images before normalisation: all of a small split, else about `limit` at random."""
        return self.pixels.prepared(limit)

    def targets(self, indices: Indices, moves: Moves | None = None) -> TargetBatch:
        """The targets of some samples, on the engine's device."""
        targets = self.samples.targets
        return targets.send(targets.batch(indices, moves, self.preprocessing), self.engine)

    def skipped(self) -> list[Skipped]:
        """The unreadable images so far."""
        bad = self.pixels.bad
        return [Skipped(self.samples.name(i), bad[i]) for i in sorted(bad)]

    def remarks(self) -> list[Skipped]:
        """Warnings about the images read so far that are used all the same."""
        remarks = self.samples.remarks
        return [Skipped(self.samples.name(i), remarks[i]) for i in sorted(remarks)]

    def look_through(self) -> None:
        """Find all unreadable images, by reading every image once if necessary."""
        self.pixels.look_through()

    def _focus(self, draw: Draw) -> NDArray[np.float64] | None:
        numbers = draw.uniform("focus", 1)[:, 0]
        return self.samples.targets.focus(draw.indices, numbers, self.preprocessing)

    def _batch(self, chunk: Chunk) -> Batch:
        inputs = self.preprocessing.normalise(self.engine.place_inputs(chunk.images))
        return Batch(inputs, self.targets(chunk.indices, chunk.moves), chunk.indices)

    def _mixed(self, batch: Batch, change: Change) -> Batch:
        if not len(batch):
            return batch
        shares = self.samples.targets.shares(batch.targets)
        inputs, shares = self.augmentation.mix(batch.inputs, shares, change.draw(batch.indices))
        return Batch(inputs, shares, batch.indices)


def epoch_plan(count: int, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """The batches of an epoch: every image once, in an order determined by seed and epoch.

    The last batch may be smaller. A single remaining image joins the batch before it, since BatchNorm
    in training mode needs at least two samples.
    """
    order = permutation(key_for(seed, "order", epoch), count)
    cuts = list(range(batch_size, count, batch_size))
    if batch_size > 1 and cuts and count - cuts[-1] == 1:
        cuts.pop()
    return np.split(order, cuts)
