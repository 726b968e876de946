"""Optional protocols by which a network customises its initialisation and its learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

if TYPE_CHECKING:
    from onestop.networks.partial_load import Filled


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


@runtime_checkable
class KnowsHeads(Protocol):
    """A network with heads that a run on shapes cannot find, since its outputs depend on values."""

    def head_names(self) -> list[str]:
        """Names of the modules that are new for another data set, the main one first."""


@runtime_checkable
class TakesWeights(Protocol):
    """A network that starts from weights of others than itself, such as those of its backbone."""

    def names_of_weights(self) -> list[str]:
        """Names of the tensors of the others, in their order."""

    def take_weights(
        self, tensors: Mapping[str, Tensor], source: str, theirs: Sequence[str], ours: Sequence[str]
    ) -> Filled:
        """Copy what fits, and prepare for training from it.

        Args:
            tensors: Weights by name.
            source: Where they come from, for error messages.
            theirs: Classes that they were trained for; empty if not known.
            ours: Classes of this network.

        Raises:
            ModelFileError: They are for another network.
        """
