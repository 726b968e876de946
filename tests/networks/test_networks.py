from __future__ import annotations

from pathlib import Path

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


OWN_FILE = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, num_classes, in_channels=3):
        super().__init__()
        self.fc = nn.Linear(in_channels, num_classes)
    def forward(self, x):
        return self.fc(x.mean((2, 3)))

class Wrong(Tiny):
    def forward(self, x):
        return x

class Broken(nn.Module):
    def __init__(self):
        raise ValueError("not today")

class NoModule:
    pass
"""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(OWN_FILE)
    return path


def test_a_users_own_class_is_built_from_its_file(own_file: Path) -> None:
    network = build(f"{own_file}:Tiny", 4, 1, 20)
    assert network(torch.rand(3, 1, 20, 20)).shape == (3, 4)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        ("Tinny", "has no 'Tinny'; did you mean 'Tiny'"),
        ("Broken", "cannot be built: not today"),
        ("NoModule", "makes a NoModule, no torch.nn.Module"),
        ("Wrong", r"not \(2, 4\)"),
    ],
)
def test_a_users_own_class_that_does_not_work(own_file: Path, cls: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(f"{own_file}:{cls}", 4)


def test_a_users_file_that_is_missing_or_broken(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file nowhere\.py"):
        build("nowhere.py:Net", 4)
    (tmp_path / "bad.py").write_text("import nothing_of_this_name")
    with pytest.raises(UsageError, match="ModuleNotFoundError when imported"):
        build(f"{tmp_path / 'bad.py'}:Net", 4)
    with pytest.raises(UsageError, match="name the class too"):
        build(str(tmp_path / "bad.py"), 4)
