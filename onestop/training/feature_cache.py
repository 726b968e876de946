"""Feature caching: a frozen backbone runs once per image and its features are reused in every epoch.

While everything but the head is frozen, the head's inputs (the features) depend on the image and its
augmentation only. So the backbone runs once over each of V augmented versions of every image, and from
then on the head alone is trained, on cached features. Epoch e uses version e modulo V; a version is
augmented as its epoch would have been, so with as many versions as frozen epochs every image is seen
as it would be without the cache. Features are computed in batches of a fixed size and order, so that a
resumed run finds the same bits.

Legend: N images, B of a batch, V versions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from onestop.data.batch import Batch
from onestop.data.loader import Loader
from onestop.data.pixels import KEEP_BYTES
from onestop.data.targets import Indices
from onestop.networks.fuse import Folding
from onestop.runtime.device import Engine
from onestop.runtime.signals import check

_BATCH = 64  # images the backbone takes at once


class Tail(nn.Module):
    """From the head's inputs to the network's outputs."""

    def __init__(self, network: nn.Module, head: str) -> None:
        """Shares the modules of `network`: the head, and what follows it in an `nn.Sequential`."""
        super().__init__()
        self.layers = nn.ModuleList(_after(network, head))

    def forward(self, features: Tensor) -> Tensor:
        """Outputs [B, classes] of features [B, ...]."""
        for layer in self.layers:
            features = layer(features)
        return features.flatten(1)


class FeatureCache:
    """The features of a training and a validation split, computed when they are first needed."""

    def __init__(
        self, network: nn.Module, head: str, folding: Folding, engine: Engine, versions: int
    ) -> None:
        """`versions` is the number of augmented versions of each training image."""
        self.network, self.head, self.versions = network, head, versions
        self._folding, self._engine = folding, engine
        self.pretended = (
            0  # bytes that the features of a run take beyond those that `pretend` holds
        )
        self._cached: dict[tuple[int, int | None], tuple[Indices, Tensor]] = {}

    @torch.no_grad()
    def refusal(self, shape: tuple[int, ...], images: int) -> str:
        """Why features of this network and this many images cannot be cached; empty if they can."""
        example = self._engine.place_inputs(torch.rand(2, *shape, generator=_fixed()))
        was_training = self.network.training
        self.network.eval()
        try:
            features, outputs = self._features(self.network, example)
            with self._engine.autocast():
                same = features is not None and torch.equal(
                    Tail(self.network, self.head)(features), outputs
                )
        finally:
            self.network.train(was_training)
        if features is None or not same:
            return "its head's outputs do not become the network's outputs in a simple sequence"
        size = features[0].nbytes * images * self.versions
        if size > KEEP_BYTES:
            return (
                f"{self.versions} versions of {images:,} images would take {size / 2**30:.1f} GiB"
            )
        return ""

    def tail(self, network: nn.Module) -> Tail:
        """The part of the network, or of its moving average, that takes the features."""
        return Tail(network, self.head)

    def train(self, loader: Loader, plan: Iterable[Indices], epoch: int) -> Iterator[Batch]:
        """Like `Loader.train`, with features as inputs, computed now if they are not cached."""
        numbers, features = self._version(loader, epoch % self.versions)
        row = np.full(len(loader.samples), -1)
        row[numbers] = np.arange(len(numbers))

        def batches() -> Iterator[Batch]:
            for indices in plan:
                good = indices[row[indices] >= 0]
                yield self._batch(loader, good, features[torch.from_numpy(row[good])])

        return batches()

    def in_order(self, loader: Loader, batch_size: int) -> Iterator[Batch]:
        """Like `Loader.in_order`, with features as inputs."""
        numbers, features = self._version(loader, None)
        for start in range(0, len(numbers), batch_size):
            part = slice(start, start + batch_size)
            yield self._batch(loader, numbers[part], features[part])

    def _batch(self, loader: Loader, indices: Indices, features: Tensor) -> Batch:
        return Batch(features.to(self._engine.device), loader.targets(indices), indices)

    def _version(self, loader: Loader, version: int | None) -> tuple[Indices, Tensor]:
        """Indices and features of the readable images of a split, in their stored order."""
        key = (id(loader), version)
        if key not in self._cached:
            self._cached[key] = self._compute(loader, version)
        return self._cached[key]

    def _compute(self, loader: Loader, version: int | None) -> tuple[Indices, Tensor]:
        numbers, parts = zip(*self.passes(self.batches(loader, version)), strict=True)
        return np.concatenate(numbers), torch.cat(parts)

    def batches(self, loader: Loader, version: int | None) -> Iterator[Batch]:
        """What the backbone is run on: a version of all images of a split, or, for None, the images."""
        count = len(loader.samples)
        fixed = np.array_split(np.arange(count), math.ceil(count / _BATCH))
        return loader.in_order(_BATCH) if version is None else loader.train(fixed, version)

    @torch.no_grad()
    def passes(self, batches: Iterable[Batch]) -> Iterator[tuple[Indices, Tensor]]:
        """Run the backbone on batches: the indices of the images of each, and their features."""
        network = self._folding(self.network)
        was_training = network.training
        network.eval()
        try:
            for batch in batches:
                check()
                if len(batch):
                    features, _ = self._features(network, batch.inputs)
                    assert features is not None
                    yield batch.indices, features
        finally:
            network.train(was_training)

    def pretend(self, loader: Loader, versions: int, some: Tensor) -> None:
        """Use the features of some images for all, in each version (0: without augmentation)."""
        numbers = np.array([i for i in range(len(loader.samples)) if i not in loader.pixels.bad])
        features = some[torch.arange(len(numbers)) % len(some)]
        self.pretended += max(0, versions - 1) * features.nbytes
        for version in range(versions) if versions else (None,):
            self._cached[id(loader), version] = numbers, features

    def _features(self, network: nn.Module, inputs: Tensor) -> tuple[Tensor | None, Tensor]:
        """The inputs of the head, and the outputs of the network."""
        caught: list[Tensor] = []
        handle = network.get_submodule(self.head).register_forward_pre_hook(
            lambda _, inputs: caught.append(inputs[0])
        )
        try:
            with self._engine.autocast():
                outputs = network(inputs)
        finally:
            handle.remove()
        return (caught[0].contiguous() if len(caught) == 1 else None), outputs


def _after(network: nn.Module, head: str) -> Iterator[nn.Module]:
    """The head and, for each `nn.Sequential` that contains it, the modules that follow."""
    yield network.get_submodule(head)
    path = head.split(".")
    while path:
        name = path.pop()
        parent = network.get_submodule(".".join(path))
        if isinstance(parent, nn.Sequential):
            names = list(dict(parent.named_children()))
            yield from (parent.get_submodule(n) for n in names[names.index(name) + 1 :])


def _fixed() -> torch.Generator:
    return torch.Generator().manual_seed(0)
