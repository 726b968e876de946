"""What adds up the metrics of a split, batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, Self, TypeVar

from onestop.metrics import Metrics

Outputs = TypeVar("Outputs")
"""What a network gives for a batch in evaluation mode: a tensor [B, K], or a list with B entries."""


class Meter(ABC, Generic[Outputs]):
    """Adds up what the metrics of a split need, batch by batch."""

    @abstractmethod
    def update(self, outputs: Outputs, targets: Any) -> None:
        """Take a batch of outputs and targets into account."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Take into account what another meter has seen, as if its batches came after one's own.

        A split that is divided among several meters gives exactly the metrics of a single one, down
        to the last bit, if the meters are merged in the order of their batches.
        """

    @abstractmethod
    def compute(self) -> Metrics:
        """The metrics of all that was seen: those the task declares, `images`, and details."""


def in_order(values: Iterable[float]) -> float:
    """Their sum in 64 bits, rounded after each addition, as batch by batch.

    Python's own `sum` compensates for rounding since 3.12, so that its last bit depends on the version.
    """
    total = 0.0
    for value in values:
        total += value
    return total
