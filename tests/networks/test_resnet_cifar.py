"""The residual networks made for CIFAR-10: their depth, and shortcuts without parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from onestop.networks import build
from onestop.networks.resnet_cifar import PaddedShortcut
from tests.networks.comparing import CLASSES, copy_layers, outputs_agree, shapes, surprise


@pytest.mark.parametrize("name", ["resnet20", "resnet32"])
def test_option_a_is_a_projection_that_copies(name: str) -> None:
    """As torchvision's blocks, with 1x1 convolutions for shortcuts that copy each channel."""
    torch.manual_seed(0)
    network = build(name, CLASSES)
    surprise(network)
    count = (int(name.removeprefix("resnet")) - 2) // 6
    blocks = [BasicBlock(16, 16) for _ in range(count)]
    for width in (16, 32):
        blocks.append(BasicBlock(width, 2 * width, stride=2))
        blocks += [BasicBlock(2 * width, 2 * width) for _ in range(count - 1)]
    other = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )
    copy_layers(network, other)
    for block in blocks:
        if block.stride == 2:
            width = block.conv1.in_channels
            block.downsample = nn.Conv2d(width, 2 * width, 1, stride=2, bias=False)
            nn.init.eye_(block.downsample.weight[:, :, 0, 0].detach())
    outputs_agree(network, other, 19)


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
def test_it_has_as_many_layers_as_its_name_says(depth: int) -> None:
    with torch.device("meta"):
        network = build(f"resnet{depth}", 10)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules()) == depth


def test_each_stage_has_the_shape_that_the_source_states() -> None:
    found = shapes("resnet20")
    assert [found[f"stage{number}"] for number in range(1, 4)] == [
        [16, 32, 32], [32, 16, 16], [64, 8, 8],
    ]  # fmt: skip


@pytest.mark.parametrize("side", [8, 9])
def test_the_padded_shortcut_is_a_slice_and_zeros(side: int) -> None:
    x = torch.randn(2, 3, side, side)
    y = PaddedShortcut(5, 2)(x)
    assert y.shape == (2, 8, (side + 1) // 2, (side + 1) // 2)
    assert torch.equal(y[:, :3], x[..., ::2, ::2])
    assert not y[:, 3:].any()
