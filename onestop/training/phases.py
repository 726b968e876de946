"""Phases: epochs that share what is frozen, which batches are trained on, and who learns."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from torch import nn

from onestop.data.batch import Batch
from onestop.data.loader import Loader, epoch_plan
from onestop.data.targets import Indices
from onestop.metrics import Metrics
from onestop.recipe import Network
from onestop.runtime.device import Engine
from onestop.training.compile import Learner, compiled
from onestop.training.feature_cache import FeatureCache, Tail
from onestop.training.state import Progress, Training


@dataclass(frozen=True)
class Order:
    """The batches that each epoch divides the training images into."""

    images: int
    batch_size: int
    seed: int

    def plan(self, epoch: int) -> list[Indices]:
        """All batches of an epoch, counted from 0; see `epoch_plan`."""
        return epoch_plan(self.images, self.batch_size, self.seed, epoch)

    @functools.cached_property
    def per_epoch(self) -> int:
        """Batches per epoch."""
        return len(self.plan(0))

    @functools.cached_property
    def full(self) -> int:
        """Images of a full batch, if all of them can be read."""
        return len(self.plan(0)[0])

    def rest(self, progress: Progress) -> list[Indices]:
        """The batches that are left of the epoch under way."""
        return self.plan(progress.epoch)[progress.step - progress.epoch * self.per_epoch :]


class Phase(ABC):
    """Epochs that are trained alike.

    Attributes:
        frozen: What does not learn: `none`, `backbone`, or a number of first stages.
        feature_cache: Set if the learner takes cached features instead of images.
    """

    frozen: str
    feature_cache: FeatureCache | None

    def enter(self, training: Training) -> None:
        """Prepare the network for an epoch of this phase."""
        training.network.train()
        if training.freezing:
            training.freezing.freeze(self.frozen)

    @abstractmethod
    def batches(self, progress: Progress) -> Iterator[Batch]:
        """What is left of the epoch under way."""

    @abstractmethod
    def learner(self, batch: Batch) -> Learner:
        """What computes the outputs of a batch: the network, or the part of it that learns."""

    @abstractmethod
    def evaluate(self, network: nn.Module) -> Metrics:
        """The metrics of a network on the validation split.

        Without one they are empty, or a loss that is not finite if outputs for training images are not.
        """


@dataclass
class WholePhase(Phase):
    """The whole network is run on images.

    Attributes:
        network: Learns.
        order: Of the training images.
        loader: The training split.
        engine: Device and precision.
        accumulate: Parts that a batch is computed in.
        frozen: See `Phase`.
        score: Evaluates a network on the validation split, or tries it out; see `Phase.evaluate`.
    """

    network: nn.Module
    order: Order
    loader: Loader
    engine: Engine
    accumulate: int = 1
    frozen: str = "none"
    score: Callable[[nn.Module], Metrics] | None = None
    feature_cache: FeatureCache | None = field(default=None, init=False)

    def batches(self, progress: Progress) -> Iterator[Batch]:
        return self.loader.train(self.order.rest(progress), progress.epoch)

    def learner(self, batch: Batch) -> Learner:
        # Each size is compiled for anew, so batches that are not full are left to the network itself.
        full = len(batch) == self.order.full
        return self._compiled if self.engine.compile and full else self.network

    @functools.cached_property
    def _compiled(self) -> Learner:
        return compiled(self.network, self.engine, parts=self.accumulate)

    def evaluate(self, network: nn.Module) -> Metrics:
        return self.score(network) if self.score else {}


@dataclass
class HeadPhase(Phase):
    """The head alone learns, on cached features of the frozen backbone.

    Attributes:
        order: Of the training images.
        loader: The training split.
        feature_cache: Computes and holds the features.
        tail: The part of the network that learns.
        frozen: See `Phase`.
        score: Evaluates a tail on features, in the same way.
    """

    order: Order
    loader: Loader
    feature_cache: FeatureCache
    tail: Tail
    frozen: str = "backbone"
    score: Callable[[nn.Module], Metrics] | None = None

    def batches(self, progress: Progress) -> Iterator[Batch]:
        return self.feature_cache.train(self.loader, self.order.rest(progress), progress.epoch)

    def learner(self, batch: Batch) -> Learner:  # noqa: ARG002
        return self.tail

    def evaluate(self, network: nn.Module) -> Metrics:
        return self.score(self.feature_cache.tail(network)) if self.score else {}


@dataclass(frozen=True)
class Phases:
    """The phases of a run.

    Attributes:
        first: Of the epochs in which something is frozen, or of all.
        second: Of the epochs after `thawed`.
        thawed: Epoch, counted from 0, from which on `second` counts; 0: there is only `first`.
        order: Of the training images.
    """

    first: Phase
    second: Phase
    thawed: int
    order: Order

    def at(self, epoch: int) -> Phase:
        """The phase of an epoch, counted from 0: a function of it alone, so that resuming keeps it."""
        return self.second if 0 < self.thawed <= epoch else self.first

    def stretches(self, begin: int, end: int) -> list[tuple[int, int, Phase]]:
        """First epoch, number of epochs and phase, for the epochs from `begin` to `end` - 1."""
        epochs = range(begin, end)
        edges = [e for e in epochs if e == begin or self.at(e) is not self.at(e - 1)]
        ends = [*edges[1:], end]
        return [(a, b - a, self.at(a)) for a, b in zip(edges, ends, strict=True)]


def thawed_from(settings: Network) -> int:
    """The epoch, counted from 0, from which on nothing is frozen; 0 if nothing changes."""
    return settings.unfreeze_after if settings.freeze != "none" else 0
