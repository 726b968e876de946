"""Names of tensors as other programs write them."""

from __future__ import annotations

import torch

from onestop.networks import build
from onestop.weights.spelling import respelled, without_prefixes
from tests.weights.packages import NETWORK, tensors, theirs


def test_prefixes_that_all_names_have_are_taken_off_one_by_one() -> None:
    named = {"module.model.a.weight": 1, "module.model.b.weight": 2}
    assert list(without_prefixes(named)) == [
        named,
        {"model.a.weight": 1, "model.b.weight": 2},
        {"a.weight": 1, "b.weight": 2},
    ]
    assert list(without_prefixes({"weight": 1})) == [{"weight": 1}]
    assert list(without_prefixes({})) == [{}]


def test_what_is_spelled_as_usual_stays() -> None:
    own = {"backbone.a.weight": 1, "backbone.b.weight": 2}
    assert respelled(own, own) == own


def test_densenets_as_torchvision_publishes_them() -> None:
    with torch.device("meta"):
        own = build("densenet121", 5).state_dict()
    old = {
        name.replace("norm1", "norm.1").replace("conv1", "conv.1")
        .replace("norm2", "norm.2").replace("conv2", "conv.2"): value
        for name, value in own.items()
    }  # fmt: skip
    assert old.keys() != own.keys()
    assert respelled(old, own) == own


def test_efficientnets_of_another_author() -> None:
    own = tensors()
    other = {f"module.{theirs(name)}": value for name, value in own.items()}
    assert respelled(other, own) == own
    with torch.device("meta"):
        smaller = [n for n in build(NETWORK, 1000).state_dict() if "blocks.6" not in n]
    assert not set(respelled(other, smaller)) & set(own), "it has other blocks"
