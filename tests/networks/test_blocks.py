"""The building blocks that families of networks share."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from onestop.networks.blocks import (
    BasicBlock,
    Bottleneck,
    Residual,
    SameConv,
    conv_norm_act,
    he_init,
    norm_act_conv,
    projection,
    stage,
)


@pytest.mark.parametrize("make", [conv_norm_act, norm_act_conv])
@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 1, 9), (3, 2, 5), (1, 2, 5), (5, 1, 9)])
def test_convolutions_keep_the_size_or_halve_it_rounding_up(
    make: object, kernel: int, stride: int, side: int
) -> None:
    assert callable(make)
    layers = make(4, 6, kernel, stride)
    assert layers(torch.rand(2, 4, 9, 9)).shape == (2, 6, side, side)
    assert all(m.bias is None for m in layers.modules() if isinstance(m, nn.Conv2d))


@pytest.mark.parametrize(("side", "before", "after"), [(8, 0, 1), (9, 1, 1), (7, 1, 1)])
def test_uneven_padding_goes_to_the_right_and_the_bottom(
    side: int, before: int, after: int
) -> None:
    conv = SameConv(2, 3, 3, 2, bias=False)
    images = torch.rand(1, 2, side, side)
    padded = nn.functional.pad(images, (before, after, before, after))
    expected = nn.functional.conv2d(padded, conv.weight, stride=2)
    assert torch.equal(conv(images), expected)
    assert expected.shape[2:] == (math.ceil(side / 2),) * 2


def test_the_order_of_the_layers_is_in_the_name() -> None:
    kinds = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert [type(layer) for layer in conv_norm_act(4, 4, 3)] == kinds
    assert [type(layer) for layer in norm_act_conv(4, 4, 3)] == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d]


def test_a_residual_adds_to_what_it_skips() -> None:
    body, x = nn.Conv2d(3, 3, 1), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(Residual(body)(x), x + body(x))
    torch.testing.assert_close(Residual(body, nn.Flatten(0, 0), nn.ReLU())(x), (x + body(x)).relu())


def test_a_projection_is_only_where_something_changes() -> None:
    assert isinstance(projection(8, 8, 1), nn.Identity)
    assert projection(8, 8, 2)(torch.rand(1, 8, 5, 5)).shape == (1, 8, 3, 3)
    assert projection(8, 4, 1)(torch.rand(1, 8, 5, 5)).shape == (1, 4, 5, 5)


@pytest.mark.parametrize(
    ("block", "kernels", "widths"),
    [
        (BasicBlock(8, 16, 2), [3, 3], [16, 16]),
        (Bottleneck(8, 16, 2), [1, 3, 1], [4, 4, 16]),
        (Bottleneck(8, 16, 2, width=6, groups=2), [1, 3, 1], [6, 6, 16]),
    ],
)
def test_blocks_of_residual_networks(
    block: Residual, kernels: list[int], widths: list[int]
) -> None:
    convolutions = [module for module in block.body.modules() if isinstance(module, nn.Conv2d)]
    assert [conv.kernel_size[0] for conv in convolutions] == kernels
    assert [conv.out_channels for conv in convolutions] == widths
    outputs = block(torch.rand(2, 8, 6, 6))
    assert outputs.shape == (2, 16, 3, 3)
    assert (outputs >= 0).all()
    assert {name.partition(".")[0] for name in block.state_dict()} == {"body", "skip"}


def test_only_the_first_block_of_a_stage_changes_width_and_size() -> None:
    blocks = stage(BasicBlock, 4, 8, 3, 2)
    assert len(blocks) == 3
    assert [isinstance(block.skip, nn.Identity) for block in blocks] == [False, True, True]
    assert blocks(torch.rand(2, 4, 6, 6)).shape == (2, 8, 3, 3)


def test_he_init_keeps_the_size_of_gradients() -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 128, 3)
    he_init(nn.Sequential(conv))
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.01)
    assert conv.bias is not None
    assert not conv.bias.any()
