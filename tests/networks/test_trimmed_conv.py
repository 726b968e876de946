"""Convolutions without their idle taps: what they compute, and where they leave torch's alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from onestop.networks import build
from onestop.networks.trimmed_conv import Conv2d, without_idle_taps

CASES = [
    # kernel, stride, padding, groups, height, width, taps left
    (3, 1, 1, 1, 1, 1, 1),
    (3, 2, 1, 1, 2, 2, 4),
    (3, 2, 1, 1, 1, 2, 2),
    (3, 1, 1, 6, 1, 1, 1),
    (5, 1, 2, 1, 2, 2, 9),
    (5, 2, 2, 6, 3, 3, 25),
    (5, 1, 2, 2, 1, 4, 5),
    (7, 2, 3, 1, 2, 1, 2),
    (7, 1, 3, 1, 3, 2, 15),
    ((3, 5), 1, (1, 2), 1, 1, 1, 1),
]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "groups", "height", "width", "taps"), CASES
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_outputs_and_gradients_are_those_of_torch(
    kernel: int, stride: int, padding: int, groups: int, height: int, width: int, taps: int,
    layout: torch.memory_format,
) -> None:  # fmt: skip
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 12, kernel, stride, padding, groups=groups).double()
    plain = plain.to(memory_format=layout)
    trimmed = without_idle_taps(copy.deepcopy(plain))
    assert type(trimmed) is Conv2d
    x = torch.randn(4, 6, height, width, dtype=torch.float64).to(memory_format=layout)
    outputs, gradients = [], []
    for layer in (plain, trimmed):
        given = x.clone().requires_grad_()
        out = layer(given)
        (out * torch.arange(out.numel()).reshape(out.shape)).sum().backward()
        outputs.append(out)
        gradients.append((given.grad, *(parameter.grad for parameter in layer.parameters())))
    torch.testing.assert_close(outputs[1], outputs[0])
    torch.testing.assert_close(gradients[1], gradients[0])
    of_weights = gradients[1][1]
    assert of_weights is not None
    assert int((of_weights[0, 0] != 0).sum()) <= taps  # what meets only padding gets none


def test_it_is_the_trimmed_sum_that_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    convolve = nn.functional.conv2d

    def watched(x: torch.Tensor, weight: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(tuple(weight.shape[2:]))
        return convolve(x, weight, *rest)

    monkeypatch.setattr(nn.functional, "conv2d", watched)
    for kernel, stride, padding, groups, height, width, taps in CASES:
        layer = without_idle_taps(nn.Conv2d(6, 12, kernel, stride, padding, groups=groups))  # type: ignore[arg-type]
        layer(torch.zeros(1, 6, height, width))
        if seen:  # else it was a product of matrices
            size = seen.pop()
            assert size[0] * size[1] == taps
    layer = without_idle_taps(nn.Conv2d(6, 12, 3, padding=1)).eval()
    layer(torch.zeros(1, 6, 1, 1))
    assert seen == [(3, 3)], "what is not training is left to torch"


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 12, 3, padding="same"),
        nn.Conv2d(6, 12, 3, padding=2, dilation=2),
        nn.Conv2d(6, 12, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(6, 12, (1, 3), padding=(0, 1)),
    ],
)
def test_other_convolutions_give_the_same_bits(layer: nn.Conv2d) -> None:
    x = torch.randn(2, 6, 2, 5)
    assert torch.equal(without_idle_taps(copy.deepcopy(layer))(x), layer(x))


def test_a_map_that_is_too_small_is_refused_as_ever() -> None:
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        without_idle_taps(nn.Conv2d(6, 12, 5))(torch.zeros(1, 6, 2, 2))


@pytest.mark.parametrize("name", ["resnet20", "torchvision:resnet18", "timm:resnet10t"])
def test_networks_by_name_have_them(name: str) -> None:
    network = build(name, 10, image_size=32)
    kinds = {type(module) for module in network.modules() if isinstance(module, nn.Conv2d)}
    assert kinds == {Conv2d}
