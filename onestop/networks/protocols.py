"""What a network may ask of those who train it, by having a method of that name."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class StartsFromImages(Protocol):
    """A network some of whose first weights are computed from training images."""

    def start_from(self, inputs: Tensor) -> None:
        """Called once before training from random weights, with normalised inputs [N, C, S, S]."""


@runtime_checkable
class ScalesRates(Protocol):
    """A network some of whose parameters learn at another rate than the rest."""

    def rate_scales(self) -> dict[str, float]:
        """The share of the learning rate by the parameter's name; 1 for those not named."""
