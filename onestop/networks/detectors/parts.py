"""Parts that detectors are built of: anchors as torchvision takes them, another first convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from onestop.networks.detectors.anchors import per_level
from onestop.networks.partial_load import spread_channels
from onestop.runtime.lazy_torchvision import without_compiler

with without_compiler():
    from torchvision.models.detection.anchor_utils import AnchorGenerator


def anchor_generator(anchors: Mapping[str, Any], strides: tuple[int, ...]) -> AnchorGenerator:
    """Anchors as torchvision takes them."""
    sizes, ratios = per_level(anchors, strides)
    return AnchorGenerator(tuple(tuple(level) for level in sizes), (tuple(ratios),) * len(sizes))


@torch.no_grad()
def replace_first(network: nn.Module, channels: int) -> None:
    """Have the first convolution take another number of channels."""
    name, first = next((name, m) for name, m in network.named_modules() if isinstance(m, nn.Conv2d))
    new: Any = nn.Conv2d(
        channels, first.out_channels, first.kernel_size, first.stride, first.padding,  # type: ignore[arg-type]
        first.dilation, first.groups, first.bias is not None,  # type: ignore[arg-type]
    )  # fmt: skip
    new.weight.copy_(spread_channels(first.weight, channels))
    if first.bias is not None:
        new.bias.copy_(first.bias)
    network.set_submodule(name, new)
