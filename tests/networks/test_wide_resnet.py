"""Wide residual networks: their depth and width, and the block of the paper."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from onestop.networks import build
from onestop.networks.wide_resnet import WideBlock
from tests.networks.comparing import shapes, surprise


@pytest.mark.parametrize(("inputs", "stride"), [(4, 1), (8, 1), (4, 2), (8, 2)])
def test_wide_block_as_in_the_paper(inputs: int, stride: int) -> None:
    """BN-ReLU-conv twice; the shortcut is the input, or a projection of the first BN-ReLU."""
    torch.manual_seed(0)
    block = WideBlock(inputs, 8, stride).eval()
    surprise(block)
    x = torch.randn(2, inputs, 9, 9)
    with torch.inference_mode():
        first, second = block.norm1, block.conv2[0]
        assert isinstance(second, nn.BatchNorm2d)
        active = F.relu(first(x))
        body = F.conv2d(active, block.conv1.weight, stride=stride, padding=1)
        body = F.conv2d(F.relu(second(body)), block.conv2[2].weight, padding=1)  # type: ignore[arg-type]
        skip = x
        if (inputs, stride) != (8, 1):
            assert block.projection is not None
            skip = F.conv2d(active, block.projection.weight, stride=stride)
        torch.testing.assert_close(block(x), body + skip)


@pytest.mark.parametrize(("name", "factor"), [("wrn_28_10", 10), ("wrn_16_4", 4)])
def test_each_stage_is_so_many_times_as_wide(name: str, factor: int) -> None:
    found = shapes(name)
    assert [found[f"stage{number}"] for number in range(1, 4)] == [
        [16 * factor, 32, 32], [32 * factor, 16, 16], [64 * factor, 8, 8],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["wrn_28_10", "wrn_16_4"])
def test_it_has_as_many_layers_as_its_name_says(name: str) -> None:
    """As the paper counts: the three projections are layers, the classifier is not one."""
    with torch.device("meta"):
        network = build(name, 10)
    convolutions = sum(isinstance(module, nn.Conv2d) for module in network.modules())
    assert convolutions == int(name.split("_")[1])
