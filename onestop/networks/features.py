"""Features of any network: what its last layer takes in, as one vector per image.

Legend: B images of a batch, F features, h and w rows and columns of a feature map.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from onestop.errors import ArchitectureError
from onestop.networks.surgery import main_head
from onestop.networks.tta import Mirrored

_WIDEST = 2**12
"""More features are averaged in groups of neighbours, so that there are at most as many."""


def feature_layer(network: nn.Module, shape: tuple[int, ...]) -> str:
    """The name of the layer whose inputs are the features; empty if there is none.

    It is the last layer that computes the outputs. Of networks without one, such as capsules, the
    inputs and the outputs are the features.

    Args:
        network: Any network.
        shape: Shape of one input, (C, H, W) or (F,).
    """
    try:
        return main_head(network, shape)
    except Exception:  # whatever code of others does
        return ""


class Features:
    """Catches the features of a network while it runs; a context manager.

    with Features(network, layer) as features:
        outputs = network(inputs)
        vectors = features.take(outputs)
    """

    def __init__(self, network: nn.Module, layer: str) -> None:
        """`layer` is a name in the network itself, also if it is wrapped for `tta`.

        Raises:
            ArchitectureError: The network has no such layer.
        """
        inner = network.network if isinstance(network, Mirrored) else network
        try:
            self._module = inner.get_submodule(layer)  # for an empty name, the network itself
        except AttributeError:
            raise ArchitectureError(f"{type(inner).__name__}: has no layer {layer!r}") from None
        self._of_layer = bool(layer)
        self._caught: list[Tensor] = []

    def __enter__(self) -> Self:
        self._handle = self._module.register_forward_pre_hook(self._catch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._handle.remove()

    def _catch(self, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            self._caught.append(pooled(inputs[0]))

    def take(self, outputs: Tensor) -> Tensor:
        """The features of the last run, whose outputs are [B, K]: float32 [B, F] on the CPU.

        Averaged if the layer ran several times, as with `tta`; the outputs if it did not run.
        """
        caught, self._caught = self._caught, []
        caught = [features for features in caught if len(features) == len(outputs)]
        parts = [torch.stack(caught).mean(0)] if caught else []
        if not (parts and self._of_layer):
            parts.append(pooled(outputs))
        return torch.cat(parts, 1).cpu()


def pooled(features: Tensor) -> Tensor:
    """One vector per image, float32 [B, F], from features of any shape.

    The mean over the positions of a feature map [B, F, h, w], or over the tokens in [B, N, F].
    """
    features = features.detach().float()
    if features.ndim == 4:
        features = features.mean((2, 3))
    elif features.ndim > 2:
        features = features.flatten(1, -2).mean(1)
    features = features.reshape(len(features), -1)
    width = features.shape[1]
    if width <= _WIDEST:
        return features
    groups = -(-width // _WIDEST)
    padded = torch.nn.functional.pad(features, (0, -width % groups))
    return padded.reshape(len(features), -1, groups).mean(2)
