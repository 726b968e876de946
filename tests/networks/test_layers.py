"""The tree of a network: what is counted, once and as often as it runs, and what is only there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from onestop.errors import UsageError
from onestop.networks import build, count_parameters, find
from onestop.networks.catalog import OWN
from onestop.networks.freezing import Freezing
from onestop.networks.layers import ROOT, layers, leaves, tree
from onestop.networks.surgery import find_heads
from tests.networks.contract_lists import QUICK

SHAPE = (3, 8, 8)


def rows_of(network: nn.Module, shape: tuple[int, ...] = SHAPE) -> dict[str, dict[str, Any]]:
    return {row["layer"]: row for row in tree(network, shape)}


def on_shapes(name: str, classes: int = 10) -> tuple[nn.Module, tuple[int, ...]]:
    entry = find(name)
    with torch.device("meta"):
        network = build(name, 1 if entry.vectors else classes)
    size = (entry.image_size,) * 2
    return network, (entry.channels,) if entry.vectors else (entry.channels, *size)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.thorough] * (n not in QUICK)) for n in OWN]
)
def test_multiply_adds_are_those_of_the_catalogue(name: str) -> None:
    assert tree(*on_shapes(name))[0]["multiply_adds"] == OWN[name].multiply_adds


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    ["lenet5", "resnet18", "googlenet", "vit_b_16", "squeezenet1_1", "capsnet", "nested", "linear"],
)
def test_parameters_add_up(name: str) -> None:
    check_parameters_add_up(*on_shapes(name))


def test_parameters_of_a_timm_network_add_up() -> None:
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    check_parameters_add_up(*on_shapes("timm:test_vit"))


def check_parameters_add_up(network: nn.Module, shape: tuple[int, ...]) -> None:
    rows = tree(network, shape)
    assert rows[0]["parameters"] == count_parameters(network)
    assert sum(row["own_parameters"] for row in rows) == count_parameters(network)
    for place, row in enumerate(rows):
        inside = [row["own_parameters"]]
        for other in rows[place + 1 :]:
            if other["depth"] <= row["depth"]:
                break
            if other["depth"] == row["depth"] + 1:
                inside.append(other["parameters"])
        assert row["parameters"] == sum(inside), row["layer"]


def test_rows_stand_as_registered_each_before_what_is_in_it() -> None:
    network, shape = on_shapes("nested")
    rows = tree(network, shape)
    assert [(row["layer"], row["depth"], row["kind"]) for row in rows[:5]] == [
        (ROOT, 0, "Nested"),
        ("blocks", 1, "Sequential"),
        ("blocks.0", 2, "Block"),
        ("blocks.0.conv1", 3, "Conv2d"),
        ("blocks.0.conv2", 3, "Conv2d"),
    ]
    assert rows[1]["output"] == [16, 32, 32]
    assert layers(network, shape) == leaves(rows)
    assert len(leaves(rows)) == 7


def test_values_make_no_difference() -> None:
    with torch.device("meta"):
        shadow = build("lenet5", 10)
    assert tree(build("lenet5", 10), (1, 32, 32)) == tree(shadow, (1, 32, 32))


@pytest.mark.parametrize(
    ("layer", "shape", "work"),
    [
        (nn.Conv2d(4, 8, 3, padding=1), (4, 6, 6), 8 * 36 * 4 * 9),
        (nn.Conv2d(4, 8, 3, padding=1, groups=4), (4, 6, 6), 8 * 36 * 9),
        (nn.Conv2d(4, 8, (1, 3), stride=2), (4, 6, 6), 8 * 3 * 2 * 4 * 3),
        (nn.ConvTranspose2d(4, 8, 3, stride=2), (4, 6, 6), 4 * 36 * 8 * 9),
        (nn.ConvTranspose2d(4, 8, 3, groups=2), (4, 6, 6), 4 * 36 * 4 * 9),
        (nn.Linear(5, 7), (5,), 35),
        (nn.Linear(5, 7, bias=False), (3, 5), 3 * 35),
        (nn.BatchNorm2d(4), (4, 6, 6), 0),
        (nn.PReLU(4), (4, 6, 6), 0),
    ],
)
def test_multiply_adds_of_a_layer(layer: nn.Module, shape: tuple[int, ...], work: int) -> None:
    for network in (nn.Sequential(layer), nn.Sequential(layer).to("meta")):
        assert tree(network, shape)[1]["multiply_adds"] == work


class Attention(nn.Module):
    """Two rows of patches, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2).mT + self.token  # [B, 64, 8]
        x, _ = self.attention(x, x, x)
        return x[:, 0]


def test_attention_counts_its_projections_and_owns_what_it_does_not_call() -> None:
    rows = rows_of(Attention(), (8, 8, 8))
    assert [*rows] == [ROOT, "attention"]
    assert rows["attention"]["parameters"] == 4 * (8 * 8 + 8)
    assert rows["attention"]["multiply_adds"] == 64 * 4 * 8 * 8
    assert rows["attention"]["output"] == [64, 8]
    assert (rows[ROOT]["own_parameters"], rows[ROOT]["details"]) == (8, "token 8")


class Reuse(nn.Module):
    """A block used three times, two layers that share their weights, and one for training."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True))
        self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.other.weight = self.one.weight
        self.norm = nn.BatchNorm1d(3)
        self.extra = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        self.idle = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Any:
        for _ in range(3):
            x = self.block(x)
        x = self.norm(self.other(self.one(x.mean((2, 3)))))
        return (x, self.extra(x)) if self.training else x


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_is_shared_counts_once_and_works_each_time(device: str) -> None:
    with torch.device(device):
        rows = rows_of(Reuse())
    assert rows["block.0"]["calls"] == 3
    assert rows["block.0"]["parameters"] == 3 * 3 + 3
    assert rows["block"]["multiply_adds"] == 3 * (64 * 3 * 3)
    assert [rows[name]["parameters"] for name in ("one", "other")] == [12, 3]
    assert [rows[name]["multiply_adds"] for name in ("one", "other")] == [9, 9]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_is_for_training_only_and_what_for_nothing(device: str) -> None:
    with torch.device(device):
        rows = rows_of(Reuse())
    assert [name for name in rows if rows[name]["training_only"]] == [
        "extra", "extra.0", "extra.1",
    ]  # fmt: skip
    assert [name for name in rows if rows[name]["unused"]] == ["idle"]
    assert (rows["extra"]["output"], rows["extra"]["parameters"]) == ([], 8)
    assert rows["extra"]["multiply_adds"] == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "training_only"), [("googlenet", {"aux1", "aux2"}), ("capsnet", {"decoder"})]
)
def test_auxiliary_classifiers_and_the_decoder_of_capsules(
    name: str, training_only: set[str]
) -> None:
    rows = tree(*on_shapes(name))
    found = [row for row in rows if row["training_only"]]
    assert {row["layer"] for row in found if row["depth"] == 1} == training_only
    assert not any(row["unused"] for row in rows)
    assert all(row["parameters"] for row in found if row["depth"] == 1)


def test_weights_that_another_module_works_with_are_in_use() -> None:
    rows = {row["layer"]: row for row in tree(*on_shapes("swin_t"))}
    inner = rows["features.1.0.attn.qkv"]  # its weights are handed to a function
    assert (inner["calls"], inner["training_only"], inner["unused"]) == (0, False, False)
    attention = rows["features.1.0.attn"]
    assert attention["multiply_adds"] == 56 * 56 * 96 * 96 * 4
    assert rows["features.1.0"]["output"] == [56, 56, 96]


def test_activations_are_what_is_new() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.ReLU())
    rows = tree(network, SHAPE)
    assert [row["activations"] for row in rows] == [144, 72, 0, 0, 72]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "googlenet", "alexnet"])
def test_stages_are_those_that_freeze_counts(name: str) -> None:
    network, shape = on_shapes(name)
    rows = tree(network, shape)
    heads = find_heads(network, shape)
    assert [row["layer"] for row in rows if row["head"]] == [
        layer for layer, _ in network.named_modules() if layer in heads
    ]
    Freezing(network, heads).freeze("3")
    learning = {layer for layer, p in network.named_parameters() if p.requires_grad}
    for row in leaves(rows):
        module = network.get_submodule(row["layer"])
        names = {f"{row['layer']}.{key}" for key, _ in module.named_parameters()}
        if names and row["stage"]:
            assert (not names & learning) == (row["stage"] <= 3), row["layer"]
    assert {1, 2, 3, 4} <= {row["stage"] for row in rows}


@pytest.mark.parametrize("name", ["capsnet", "linear"])
def test_without_a_head_there_are_no_stages(name: str) -> None:
    rows = tree(*on_shapes(name))
    assert {row["stage"] for row in rows} == {None}
    assert not any(row["head"] for row in rows)


def test_a_network_stays_as_it_was() -> None:
    network = Reuse().train()
    network.norm.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    tree(network, SHAPE)
    assert network.training
    assert not network.norm.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_inputs_that_do_not_fit_are_told() -> None:
    with pytest.raises(UsageError, match="Sequential: does not accept 4x8x8 inputs: "):
        tree(nn.Sequential(nn.Conv2d(3, 2, 3)), (4, 8, 8))
