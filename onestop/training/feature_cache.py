"""Training a head at the price of one pass: what a frozen backbone computes is computed once and kept.

While everything but the head is frozen, the head's inputs (the features) depend on the image and its
augmentation only. So the backbone runs once over each of K augmented views of every image, and from
then on the head alone is trained, on kept features. Epoch e sees view e modulo K; a view is augmented
as its epoch would have been, so that with as many views as frozen epochs every image is seen as it
would be without this. Features are computed in batches of a fixed size and order, so that a run that
goes on finds the same bits.

Legend: N images, B of a batch, K views.
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
        """Shares the modules of `network`: the head, and what follows it in the same sequences."""
        super().__init__()
        self.layers = nn.ModuleList(_after(network, head))

    def forward(self, features: Tensor) -> Tensor:
        """Outputs [B, classes] of features [B, ...]."""
        for layer in self.layers:
            features = layer(features)
        return features.flatten(1)


class FeatureCache:
    """The features of a training and a validation split, kept as they are first needed."""

    def __init__(
        self, network: nn.Module, head: str, folding: Folding, engine: Engine, views: int
    ) -> None:
        """`views` is the number of augmented views of each training image."""
        self.network, self.head, self.views = network, head, views
        self._folding, self._engine = folding, engine
        self.pretended = 0  # bytes by which a run's features take more than pretended ones
        self._kept: dict[tuple[int, int | None], tuple[Indices, Tensor]] = {}

    @torch.no_grad()
    def refusal(self, shape: tuple[int, ...], images: int) -> str:
        """Why there is no short way for this network and so many images; empty where there is one."""
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
        size = features[0].nbytes * images * self.views
        if size > KEEP_BYTES:
            return f"{self.views} views of {images:,} images would take {size / 2**30:.1f} GiB"
        return ""

    def tail(self, network: nn.Module) -> Tail:
        """The last part of the network or of its moving average."""
        return Tail(network, self.head)

    def train(self, feed: Loader, plan: Iterable[Indices], epoch: int) -> Iterator[Batch]:
        """Like `Loader.train`, with features as inputs, computed now if they are not kept."""
        numbers, features = self._view(feed, epoch % self.views)
        row = np.full(len(feed.samples), -1)
        row[numbers] = np.arange(len(numbers))

        def batches() -> Iterator[Batch]:
            for indices in plan:
                good = indices[row[indices] >= 0]
                yield self._batch(feed, good, features[torch.from_numpy(row[good])])

        return batches()

    def in_order(self, feed: Loader, batch_size: int) -> Iterator[Batch]:
        """Like `Loader.in_order`, with features as inputs."""
        numbers, features = self._view(feed, None)
        for start in range(0, len(numbers), batch_size):
            part = slice(start, start + batch_size)
            yield self._batch(feed, numbers[part], features[part])

    def _batch(self, feed: Loader, indices: Indices, features: Tensor) -> Batch:
        return Batch(features.to(self._engine.device), feed.targets(indices), indices)

    def _view(self, feed: Loader, view: int | None) -> tuple[Indices, Tensor]:
        """Numbers and features of the readable images of a split, in their stored order."""
        key = (id(feed), view)
        if key not in self._kept:
            self._kept[key] = self._compute(feed, view)
        return self._kept[key]

    def _compute(self, feed: Loader, view: int | None) -> tuple[Indices, Tensor]:
        numbers, parts = zip(*self.passes(self.batches(feed, view)), strict=True)
        return np.concatenate(numbers), torch.cat(parts)

    def batches(self, feed: Loader, view: int | None) -> Iterator[Batch]:
        """What the backbone is run on: a view of all images of a split, or None for the images."""
        count = len(feed.samples)
        fixed = np.array_split(np.arange(count), math.ceil(count / _BATCH))
        return feed.in_order(_BATCH) if view is None else feed.train(fixed, view)

    @torch.no_grad()
    def passes(self, batches: Iterable[Batch]) -> Iterator[tuple[Indices, Tensor]]:
        """The backbone's pass over some batches: of each the images' numbers and their features."""
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

    def pretend(self, feed: Loader, views: int, some: Tensor) -> None:
        """Keep some images' features as those of all, in so many views (0: as they are)."""
        numbers = np.array([i for i in range(len(feed.samples)) if i not in feed.pixels.bad])
        features = some[torch.arange(len(numbers)) % len(some)]
        self.pretended += max(0, views - 1) * features.nbytes
        for view in range(views) if views else (None,):
            self._kept[id(feed), view] = numbers, features

    def _features(self, network: nn.Module, inputs: Tensor) -> tuple[Tensor | None, Tensor]:
        """What the head gets, and the network's outputs."""
        caught: list[Tensor] = []
        handle = network.get_submodule(self.head).register_forward_pre_hook(
            lambda _, given: caught.append(given[0])
        )
        try:
            with self._engine.autocast():
                outputs = network(inputs)
        finally:
            handle.remove()
        return (caught[0].contiguous() if len(caught) == 1 else None), outputs


def _after(network: nn.Module, head: str) -> Iterator[nn.Module]:
    """The head and, for each sequence it is in, what comes behind."""
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
