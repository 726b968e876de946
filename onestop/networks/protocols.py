"""Optional protocols by which a network customises its initialisation and its learning rates."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class StartsFromImages(Protocol):
    """A network with initial weights that are computed from training images."""

    def start_from(self, inputs: Tensor) -> None:
        """Called once before training from random weights, with normalised inputs [N, C, S, S]."""


@runtime_checkable
class ScalesRates(Protocol):
    """A network with parameter-specific learning rates."""

    def rate_scales(self) -> dict[str, float]:
        """Learning-rate factors by parameter name; 1 for all others."""
