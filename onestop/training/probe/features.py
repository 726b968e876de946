"""Features of a training split, as its network has them in evaluation; each computed once.

Legend: N images, F features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from onestop.data.loader import Loader
from onestop.data.pixels import choose_source
from onestop.data.preprocess import Preprocessing
from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.inference.score import batch_size
from onestop.networks.fuse import Folding
from onestop.runtime.device import Engine
from onestop.runtime.signals import check
from onestop.training.probe.head import head_inputs, pooled

if TYPE_CHECKING:
    from onestop.training.plan import Plan

_VALUES = 2**20
"""Input values per batch on a CPU, about: what more images leave behind does not fit its caches, and
takes twice as long."""
Watch = Callable[[int, int], None]
"""Takes the number of images done, and of all."""


@dataclass(frozen=True)
class Features:
    """Pooled features of images.

    Attributes:
        indices: Of the images that can be read, in their split, [N].
        values: float32 [N, F].
    """

    indices: Indices
    values: Tensor


class FeatureBank:
    """The features of a split by preprocessing, kept for as long as they may be asked for again.

    Attributes:
        engine: What computes them.
    """

    def __init__(self, samples: Samples, engine: Engine, workers: int) -> None:
        self.engine = engine
        self._samples, self._workers = samples, workers
        self._kept: dict[tuple[Preprocessing, bool, bytes], Features] = {}

    def features(
        self, network: nn.Module, head: str, preprocessing: Preprocessing, *,
        mirrored: bool = False, some: Indices | None = None, watch: Watch | None = None,
    ) -> Features:  # fmt: skip
        """The inputs of a head for the images of the split, not augmented.

        Args:
            network: On the engine's device; always with the same weights.
            head: Name of its layer.
            preprocessing: Of the images.
            mirrored: For their mirror images instead.
            some: Indices of the images; None: of all.
            watch: Follows the progress.
        """
        indices = np.arange(len(self._samples)) if some is None else some
        key = preprocessing, mirrored, indices.tobytes()
        if key not in self._kept:
            self._kept[key] = self._compute(network, head, *key[:2], indices, watch)
        return self._kept[key]

    def loader(self, preprocessing: Preprocessing) -> Loader:
        """Batches of the split, prepared so."""
        pixels = choose_source(self._samples, preprocessing, workers=self._workers, keep="none")
        return Loader(self._samples, preprocessing, pixels=pixels, engine=self.engine)

    @torch.no_grad()
    def _compute(
        self, network: nn.Module, head: str, preprocessing: Preprocessing, mirrored: bool,
        indices: Indices, watch: Watch | None,
    ) -> Features:  # fmt: skip
        loader = self.loader(preprocessing)
        fast = Folding(network, preprocessing.shape)(network)
        was_training = fast.training
        fast.eval()
        numbers, values, done, size = [], [], 0, self._batch_size(preprocessing)
        try:
            for batch in loader.unchanged(np.split(indices, range(size, len(indices), size))):
                check()
                inputs = batch.inputs.flip(-1) if mirrored else batch.inputs
                numbers.append(batch.indices)
                features, _ = head_inputs(fast, head, inputs, self.engine)
                assert features is not None
                values.append(pooled(features).cpu())
                done += len(batch)
                if watch:
                    watch(done, len(indices))
        finally:
            fast.train(was_training)
        if not numbers:  # none can be read
            return Features(indices[:0], torch.zeros(0, 0))
        return Features(np.concatenate(numbers), torch.cat(values))

    def _batch_size(self, preprocessing: Preprocessing) -> int:
        """Images the network takes at once; the last bits depend on it."""
        if self.engine.device.type != "cpu":
            return batch_size(preprocessing.shape)
        return min(256, max(8, _VALUES // math.prod(preprocessing.shape)))


def bank_for(planned: Plan) -> FeatureBank:
    """An empty bank for the features of a run's training split."""
    workers = planned.recipe.machine.workers
    return FeatureBank(planned.dataset.splits["train"], planned.engine, workers)
