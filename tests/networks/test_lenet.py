"""LeNet-5 and its relatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from onestop.networks import build
from onestop.networks.layers import layers


def test_lenet5_layers_as_published() -> None:
    rows = layers(build("lenet5", 10), (1, 32, 32))
    shapes = [(row["layer"], row["output"]) for row in rows]
    assert shapes == [
        ("conv1", [6, 28, 28]),
        ("conv2", [16, 10, 10]),
        ("fc1", [120]),
        ("fc2", [84]),
        ("fc3", [10]),
    ]


@pytest.mark.parametrize(
    ("name", "kernel", "pool"),
    [
        ("lenet5", 5, F.avg_pool2d),
        ("lenet5_color", 5, F.avg_pool2d),
        ("lenet5_max", 5, F.max_pool2d),
        ("lenet_3x3", 3, F.max_pool2d),
    ],
)
def test_relatives_differ_in_kernel_and_pooling(name: str, kernel: int, pool: object) -> None:
    network = build(name, 10)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.kernel_size for conv in convolutions] == [(kernel, kernel)] * 2
    assert network.pool is pool


@pytest.mark.parametrize("size", [16, 28, 37])
def test_it_is_made_for_one_size(size: int) -> None:
    network = build("lenet5", 10, image_size=size)
    assert network(torch.rand(2, 1, size, size)).shape == (2, 10)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        network(torch.rand(2, 1, size + 8, size + 8))
