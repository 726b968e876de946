from __future__ import annotations

import pytest
import torch

from onestop.errors import UsageError
from onestop.networks import build, entries, find
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


def test_one_layer_cnn_keeps_222_pixels() -> None:
    rows = layers(build("cnn1", 10), (3, 224, 224))
    assert rows[0]["output"] == [16, 222, 222]


def test_linear_regression_has_two_scalars() -> None:
    network = build("linear", 1, channels=1)
    assert {name: p.numel() for name, p in network.named_parameters()} == {"weight": 1, "bias": 1}
    with torch.no_grad():
        network.weight.fill_(2)  # type: ignore[operator]
        network.bias.fill_(3)  # type: ignore[operator]
    assert network(torch.tensor([[5.0], [-1.0]])).tolist() == [[13.0], [1.0]]


def test_nested_module_uses_one_block_three_times() -> None:
    names = [name for name, _ in build("nested", 10).named_children()]
    assert names == ["blocks", "fc"]
    kinds = {type(block).__name__ for block in build("nested", 10).blocks}  # type: ignore[union-attr]
    assert kinds == {"Block"}


def test_names_of_torchvision_build_torchvision() -> None:
    network = build("resnet18", 5)
    assert type(network).__module__ == "torchvision.models.resnet"
    assert find("torchvision:resnet18") == find("resnet18")
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 5)


@pytest.mark.parametrize("channels", [1, 4])
def test_torchvision_takes_other_channels(channels: int) -> None:
    network = build("resnet18", 5, channels)
    assert network.eval()(torch.rand(1, channels, 64, 64)).shape == (1, 5)


def test_every_name_is_listed_once() -> None:
    names = [entry.name for entry in entries()]
    assert len(names) == len(set(names))
    assert {"lenet5", "resnet50", "vit_b_16"} <= set(names)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lenet5'"):
        build("lenet", 10)
