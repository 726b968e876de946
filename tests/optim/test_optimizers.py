from __future__ import annotations

from typing import Any

import pytest
import torch

from onestop.networks import build
from onestop.optim.optimizers import optimizer_for, restore_slots, set_rate, slots
from onestop.recipe import Optim, Optimizer
from tests.recipes import recipe

KINDS: list[Optimizer] = ["sgd", "adam", "adamw", "rmsprop"]


def optim(kind: Optimizer, **more: object) -> Optim:
    return recipe(optimizer=kind, lr=0.01, weight_decay=0.1, momentum=0.9, **more).optim


@pytest.mark.parametrize("kind", KINDS)
def test_biases_do_not_decay_unless_asked(kind: Optimizer) -> None:
    network = build("lenet5", 10)
    groups = optimizer_for(optim(kind), network).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert all(parameter.ndim > 1 for parameter in groups[0]["params"])
    assert all(parameter.ndim == 1 for parameter in groups[1]["params"])
    everything = optimizer_for(optim(kind, decay_all=True), network).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in everything] == [(10, 0.1)]


def test_frozen_parameters_are_left_out() -> None:
    network = build("lenet5", 10)
    network.conv1.requires_grad_(False)
    groups = optimizer_for(optim("sgd"), network).param_groups
    assert sum(len(group["params"]) for group in groups) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_equal_steps_after_slots_are_restored(kind: Optimizer) -> None:
    torch.manual_seed(0)
    networks = [build("lenet5", 10) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    optimizers = [optimizer_for(optim(kind, nesterov=kind == "sgd"), n) for n in networks]
    images = torch.rand(4, 1, 32, 32)

    def step(which: int) -> None:
        optimizers[which].zero_grad()
        networks[which](images).square().mean().backward()
        optimizers[which].step()

    for _ in range(3):
        step(0)
    networks[1].load_state_dict(networks[0].state_dict())
    saved = {(name, slot): value.clone() for name, slot, value in slots(optimizers[0], networks[0])}
    restore_slots(optimizers[1], networks[1], saved)
    for which in (0, 1):
        set_rate(optimizers[which], 0.02)
        step(which)
        step(which)
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_torch(kind: Optimizer) -> None:
    classes = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
               "rmsprop": torch.optim.RMSprop}  # fmt: skip
    torch.manual_seed(0)
    networks = [build("lenet5", 10) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    options: dict[str, Any] = {"lr": 0.01, "weight_decay": 0.1}
    options |= {"momentum": 0.9} if kind in ("sgd", "rmsprop") else {}
    options |= {"fused": True} if kind != "rmsprop" else {}
    optimizers = [
        optimizer_for(optim(kind, decay_all=True), networks[0]),
        classes[kind](networks[1].parameters(), **options),
    ]
    images = torch.rand(4, 1, 32, 32)
    for _ in range(3):
        for network, optimizer in zip(networks, optimizers, strict=True):
            optimizer.zero_grad()
            network(images).square().mean().backward()
            optimizer.step()
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_thaw_later_begin_as_if_at_their_first_step(kind: Optimizer) -> None:
    """Beside others of their group that have moved already."""
    torch.manual_seed(0)
    network = build("lenet5", 10)
    network.requires_grad_(True)
    optimizer = optimizer_for(optim(kind, decay_all=True, nesterov=kind == "sgd"), network)
    images = torch.rand(4, 1, 32, 32)
    conv: Any = network.conv1
    conv.requires_grad_(False)
    before = conv.weight.clone()
    for thawed in (False, True):
        conv.requires_grad_(thawed)
        optimizer.zero_grad()
        network(images).square().mean().backward()
        gradient = conv.weight.grad
        optimizer.step()
        assert torch.equal(conv.weight, before) != thawed
    if kind == "sgd":
        assert gradient is not None
        first = gradient + 0.1 * before  # weight decay
        step = 0.01 * (first + 0.9 * first)  # Nesterov's, with no momentum so far
        torch.testing.assert_close(conv.weight, before - step)
