"""The functions that make a task.

A new task is a new file beside this one; the loop, evaluation and prediction ask only for these.

Legend: B samples of a batch, K outputs of the network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from onestop.metrics import Metrics
from onestop.metrics.spec import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.loader import Batch

Network: TypeAlias = Callable[[Tensor], Any]
"""Computes outputs of inputs in the engine's precision: a whole network, or the part that learns."""
Sums: TypeAlias = dict[str, Tensor]
"""Counts and sums that can be added up over batches and processes."""


@dataclass(frozen=True)
class Loss:
    """What a training step computes.

    Attributes:
        total: The loss to minimise, a scalar: the mean over the images of the batch.
        sums: Sums over the batch by metric, such as the number of correct images as `accuracy`; for
            each metric of the task that is marked `training`.
    """

    total: Tensor
    sums: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Label:
    """One thing the network says of a sample, in a person's words.

    Attributes:
        label: A class name; for a number the number as text.
        score: Probability of the class; for a number the number itself.
    """

    label: str
    score: float


class Task(ABC):
    """What a network is trained to do."""

    name: ClassVar[str]
    monitor: ClassVar[str]
    """The figure that says which epoch was the best, where nobody asked for another."""
    figures: ClassVar[tuple[str, ...]]
    """The figures that `score` adds up to and that can be monitored."""
    metrics: ClassVar[tuple[Metric, ...]]
    """What evaluation measures; the first is what `monitor` defaults to and what `runs` shows."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Head: the number of outputs K the network needs."""

    @abstractmethod
    def loss(self, network: Network, batch: Batch) -> Loss:
        """Run the network forward and compute the loss, the latter in 32 bits in any precision.

        Targets of mixed images are shares of the classes, [B, K].
        """

    @abstractmethod
    def empty(self) -> Sums:
        """The sums of no samples at all."""

    @abstractmethod
    def score(self, sums: Sums, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch of outputs [B, K] to the sums, in place."""

    @abstractmethod
    def metrics_of(self, sums: Sums) -> Metrics:
        """The figures that the sums amount to."""

    @abstractmethod
    def decode(self, outputs: Tensor, top: int) -> list[list[Label]]:
        """The `top` guesses for each row of outputs [B, K], best first."""

    @abstractmethod
    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample alone, [B], as `score` adds it up."""

    @abstractmethod
    def truth(self, target: float) -> str:
        """A target in a person's words."""

    @abstractmethod
    def draw(
        self, inputs: Sequence[NDArray[np.generic]], targets: Sequence[float], outputs: Tensor
    ) -> Figure:
        """A picture of samples (as stored) with targets and outputs [B, K]."""
