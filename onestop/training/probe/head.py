"""The head of a network as a linear model: whether it is one, and how a fitted one is put into it.

Legend: B images, F features, K outputs, h and w height and width of a feature map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from onestop.networks.trace import in_mode
from onestop.runtime.device import CPU, Engine
from onestop.tasks import Task

_FAR = 4096.0  # a bias that puts all of a head's outputs above 0, or below


class NoProbe(Exception):  # noqa: N818 - not a failure: the head is trained instead
    """A network to whose features no head can be fitted; the message says why."""


@dataclass(frozen=True)
class LinearHead:
    """A head whose outputs, averaged over positions, become those of the network.

    Attributes:
        name: Of its layer.
        scale: The network's outputs are so many times the head's.
        rectified: Whether negative outputs of the head become 0 before they are averaged, as in
            SqueezeNet; a bias that keeps all of them above 0 makes up for it.
    """

    name: str
    scale: float = 1.0
    rectified: bool = False

    @torch.no_grad()
    def fill(self, network: nn.Module, weight: Tensor, bias: Tensor, lowest: float = 0.0) -> None:
        """Put a linear model into a network.

        Args:
            network: Changed in place.
            weight: [K, F].
            bias: [K].
            lowest: The lowest output of such a model at any position of the images at hand; where
                outputs are rectified, the bias is raised by at least twice that.
        """
        layer: Any = network.get_submodule(self.name)
        shift = 2.0 ** math.ceil(math.log2(max(1.0, -2 * lowest))) if self.rectified else 0.0
        layer.weight.copy_((weight / self.scale).view_as(layer.weight))
        layer.bias.copy_(bias / self.scale + shift)


def linear_head(
    network: nn.Module, heads: Sequence[str], shape: tuple[int, ...], task: Task[Any], targets: Any
) -> LinearHead:
    """The head of a network, if a linear model can be put into it.

    Args:
        network: On the CPU.
        heads: Names of its heads; see `onestop.networks.surgery.find_heads`.
        shape: Of one input, (C, h, w).
        task: What it is trained to do.
        targets: Of two images or more.

    Raises:
        NoProbe: It is another kind of head.
    """
    if not task.curvature:
        raise NoProbe(f"the loss of {task.name} is not convex")
    if len(heads) != 1:
        raise NoProbe("it has several heads")
    layer: Any = network.get_submodule(heads[0])
    single = not isinstance(layer, nn.Conv2d) or _is_single(layer)
    if not single or layer.bias is None or not layer.bias.requires_grad:
        raise NoProbe("its head is not a linear layer with a bias")
    inputs = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    low, high, higher = (_scale(network, heads[0], inputs, b) for b in (-_FAR, _FAR, 2 * _FAR))
    if high is not None and high == low:
        return LinearHead(heads[0], high)
    if high is not None and high == higher and _ignores_shifts(task, targets):
        return LinearHead(heads[0], high, rectified=True)
    raise NoProbe("its outputs are not a linear function of its head's inputs")


def head_inputs(
    network: nn.Module, head: str, inputs: Tensor, engine: Engine = CPU
) -> tuple[Tensor | None, Tensor]:
    """The inputs of a layer that is called once, else None, and the outputs of the network."""
    caught: list[Tensor] = []
    handle = network.get_submodule(head).register_forward_pre_hook(
        lambda _, inputs: caught.append(inputs[0])
    )
    try:
        with engine.autocast():
            outputs = network(inputs)
    finally:
        handle.remove()
    return (caught[0] if len(caught) == 1 else None), outputs


def pooled(features: Tensor) -> Tensor:
    """Feature maps [B, F, h, w] averaged over positions, in 32 bits; vectors [B, F] as they are."""
    features = features.float()
    return features.mean((2, 3)) if features.ndim == 4 else features


@torch.no_grad()
def _scale(network: nn.Module, head: str, inputs: Tensor, bias: float) -> float | None:
    """The factor from a head's outputs to the network's, with its bias raised; None if there is none.

    Weights of its own may all be 0, so others stand in for them.
    """
    layer: Any = network.get_submodule(head)
    before = layer.weight.clone(), layer.bias.clone()
    random = torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(1))
    layer.weight.copy_(random - 0.5)
    layer.bias.fill_(bias)
    try:
        with in_mode(network, training=False):
            features, outputs = head_inputs(network, head, inputs)
        if features is None or features.ndim not in (2, 4):
            return None
        expected = pooled(features) @ layer.weight.flatten(1).T + layer.bias
    finally:
        layer.weight.copy_(before[0])
        layer.bias.copy_(before[1])
    if outputs.shape != expected.shape or not expected.square().sum() > 0:
        return None
    scale = float((outputs * expected).sum() / expected.square().sum())
    error, spread = (outputs - scale * expected).abs().max(), (expected - bias).abs().max()
    small = 1e-3 * spread + 4e-6 * abs(bias)  # and what rounding takes
    return float(f"{scale:.4g}") if error <= small * scale else None


def _ignores_shifts(task: Task[Any], targets: Any) -> bool:
    """Whether the same added to all outputs of an image changes no loss."""
    outputs = torch.zeros(len(targets), task.head().outputs, dtype=torch.float64)
    return torch.allclose(task.losses(outputs + 3, targets), task.losses(outputs, targets))


def _is_single(layer: nn.Conv2d) -> bool:
    """Whether a convolution looks at single positions."""
    return (layer.kernel_size, layer.stride, layer.groups) == ((1, 1), (1, 1), 1) and not any(
        layer.padding if isinstance(layer.padding, tuple) else (1,)
    )
