"""Filling a network with weights from elsewhere, as far as they fit."""

from __future__ import annotations

import pytest
import torch

from onestop.errors import UsageError
from onestop.networks import build
from onestop.networks.partial_load import fill, matched, spread_channels


def test_what_fits_is_loaded_and_the_rest_is_named() -> None:
    source, target = build("lenet5", 10), build("lenet5", 3)
    head = target.state_dict()["fc3.weight"].clone()
    tensors = {**source.state_dict(), "extra": torch.zeros(1)}
    filled = fill(target, tensors, "file")
    assert torch.equal(target.state_dict()["conv1.weight"], source.state_dict()["conv1.weight"])
    assert torch.equal(target.state_dict()["fc3.weight"], head)
    assert filled.other_shape == ("fc3.weight [10, 84] for [3, 84]", "fc3.bias [10] for [3]")
    assert filled.left_over == ("extra",)
    assert 0.99 < filled.share < 1


STATE = build("lenet5", 10).state_dict()
"""Names such as conv1.weight."""


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in STATE.items()}


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (STATE, ""),
        (prefixed("model."), "prefix 'model.' removed"),
        (prefixed("_orig_mod."), "names of wrappers removed"),
        (prefixed("module."), "names of wrappers removed"),
        (
            prefixed("module._orig_mod.model.net."),
            "names of wrappers removed and prefix 'model.net.' removed",
        ),
        (prefixed("backbone.") | {"head.weight": torch.zeros(3)}, "prefix 'backbone.' removed"),
        (
            prefixed("student.") | {"teacher.conv1.weight": torch.zeros(6, 1, 5, 5)},
            "prefix 'student.' removed",
        ),
        (prefixed("whatever.my.lightning_module."), "prefix 'whatever.my.lightning_module.' removed"),
    ],
)  # fmt: skip
def test_what_other_programs_put_before_names_is_removed(
    tensors: dict[str, torch.Tensor], said: str
) -> None:
    target = build("lenet5", 10)
    filled = fill(target, tensors, "file")
    assert filled.share == 1.0
    assert filled.renamed == said
    assert said in str(filled)
    assert all(torch.equal(target.state_dict()[name], tensor) for name, tensor in STATE.items())


def test_wrappers_within_names_are_removed_unless_the_network_has_them() -> None:
    own = {"a.module.weight": torch.zeros(2), "b.weight": torch.zeros(3)}
    tensors = {"a.module.weight": torch.ones(2), "b._orig_mod.weight": torch.ones(3)}
    found, _ = matched(tensors, own)
    assert found.keys() == own.keys()


def test_a_prefix_that_the_network_has_is_added() -> None:
    own = {f"net.{name}": tensor for name, tensor in STATE.items()}
    found, said = matched(STATE, own)
    assert found.keys() == own.keys()
    assert said == "prefix 'net.' added"


def test_names_without_fitting_shapes_are_no_reason_to_rename() -> None:
    tensors = {"x.fc3.bias": torch.zeros(4), "conv1.bias": torch.zeros(6)}
    assert matched(tensors, STATE) == (tensors, "")


def test_a_few_layers_that_fit_by_chance_are_no_reason_to_rename() -> None:
    tensors = {f"first.{name}": t for name, t in STATE.items() if name.startswith("conv1")} | {
        "second.weight": torch.zeros(500, 500)
    }
    assert matched(tensors, STATE) == (tensors, "")
    own = build("nested", 2, 1, 32).state_dict()
    assert matched(STATE, own) == (STATE, "")


def test_a_file_for_another_network_is_refused_and_changes_nothing() -> None:
    target = build("lenet5", 10)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    tensors = {"conv1.bias": torch.ones(6)}
    with pytest.raises(UsageError, match="for another network"):
        fill(target, tensors, "file")
    assert all(torch.equal(before[name], t) for name, t in target.state_dict().items())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_sum_of_the_weights_stays(channels: int) -> None:
    weight = torch.rand(5, 3, 2, 2)
    spread = spread_channels(weight, channels)
    assert spread.shape == (5, channels, 2, 2)
    if channels < 4:
        assert torch.allclose(spread.sum(1), weight.sum(1), atol=1e-6)


def test_weights_for_colour_fill_a_network_for_grey_images() -> None:
    colour, grey = build("lenet5_color", 10), build("lenet5", 10)
    filled = fill(grey, colour.state_dict(), "file")
    assert filled.share == 1.0
    wanted = colour.state_dict()["conv1.weight"].sum(1, keepdim=True)
    assert torch.equal(grey.state_dict()["conv1.weight"], wanted)
