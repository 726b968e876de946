"""Partial loading: filling a network with weights from elsewhere, as far as they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from onestop.errors import ModelFileError
from onestop.text import listing

LEAST = 0.5
"""Share of the network's values that must be filled for the file to be accepted as its weights."""


@dataclass(frozen=True)
class Filled:
    """What became of the tensors of a file.

    Attributes:
        loaded: Names of the network's tensors that were filled.
        missing: Names of those that the file does not have.
        other_shape: Names of those that have another shape in the file, with both shapes.
        left_over: Names of the file's tensors that the network does not have.
        share: Of the network's values that were filled.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    other_shape: tuple[str, ...]
    left_over: tuple[str, ...]
    share: float

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded ({self.share:.1%} of the network)"]
        if self.missing:
            parts.append(f"new: {listing(self.missing, 4)}")
        if self.other_shape:
            parts.append(f"of another shape, so new: {listing(self.other_shape, 4)}")
        if self.left_over:
            parts.append(f"left over in the file: {listing(self.left_over, 4)}")
        return "; ".join(parts)


def spread_channels(weight: Tensor, channels: int) -> Tensor:
    """A convolution's weights [O, C, h, w] for another number of input channels.

    For grey images the weights are summed over the colours, so that a grey image gives the output that
    it gave as a colour image with three equal channels; for more channels they are repeated and scaled
    so that their sum stays the same.
    """
    have = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeats = -(-channels // have)
    return weight.repeat(1, repeats, 1, 1)[:, :channels] * (have / channels)


def _fitted(tensor: Tensor, wanted: Tensor | None) -> Tensor:
    """A first convolution's weights for another number of channels; any other tensor unchanged."""
    if wanted is None or tensor.ndim != 4 or tensor.shape == wanted.shape:
        return tensor
    channels = (tensor.shape[1], wanted.shape[1])
    same = tensor.shape[0] == wanted.shape[0] and tensor.shape[2:] == wanted.shape[2:]
    return spread_channels(tensor, channels[1]) if same and set(channels) <= {1, 3, 4} else tensor


@torch.no_grad()
def fill(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> Filled:
    """Copy into the network every tensor of the same name and shape.

    A first convolution for another number of channels is adapted, see `spread_channels`.

    Args:
        network: Changed in place.
        tensors: Weights by name.
        source: Where they come from, for the message.

    Raises:
        ModelFileError: Less than half of the network would be filled; nothing is changed then.
    """
    own = network.state_dict()
    tensors = {name: _fitted(tensor, own.get(name)) for name, tensor in tensors.items()}
    fitting = [name for name in own if name in tensors and tensors[name].shape == own[name].shape]
    other = tuple(
        f"{name} {list(tensors[name].shape)} for {list(own[name].shape)}"
        for name in own
        if name in tensors and name not in fitting
    )
    filled = Filled(
        loaded=tuple(fitting),
        missing=tuple(name for name in own if name not in tensors),
        other_shape=other,
        left_over=tuple(name for name in tensors if name not in own),
        share=sum(own[name].numel() for name in fitting)
        / max(1, sum(t.numel() for t in own.values())),
    )
    if filled.share < LEAST:
        raise ModelFileError(
            f"--weights {source}: for another network? {filled}; name the network's own"
        )
    for name in fitting:
        own[name].copy_(tensors[name])
    return filled
