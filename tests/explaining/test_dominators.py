"""Steps that everything passes through are found, and no others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from onestop.explaining.dominators import dominators


def step(tensor: Tensor) -> Node:
    assert tensor.grad_fn is not None
    return tensor.grad_fn


def test_all_steps_of_a_chain_are_dominators_the_last_first() -> None:
    x = torch.ones(2, requires_grad=True)
    first = x * 2
    second = first.relu()
    third = second.sum()
    found = [*dominators(step(third))]
    assert found[:3] == [step(third), step(second), step(first)]


def test_branches_are_none_and_their_sum_is_one() -> None:
    x = torch.ones(2, requires_grad=True)
    before = x * 2
    left, right = before.relu(), before.exp()
    after = left + right
    found = dominators(step(after.sum()))
    assert step(before) in found
    assert step(after) in found
    assert step(left) not in found
    assert step(right) not in found
    assert found[step(before)] == {step(left), step(right)}


def test_a_block_with_a_way_around_it_is_none() -> None:
    x = torch.ones(1, 4, requires_grad=True)
    start = x * 2
    inside = (start * 3).relu()
    end = start + inside
    gate = end.mean(1, keepdim=True).sigmoid()
    gated = end * gate
    found = dominators(step(gated.sum()))
    assert [s in found for s in map(step, (start, inside, end, gate, gated))] == [
        True, False, True, False, True,
    ]  # fmt: skip


def test_a_way_around_everything_leaves_the_ends() -> None:
    x = torch.ones(2, requires_grad=True)
    start = x * 1
    middle = (start * 2).relu()
    output = (middle.exp() + start).sum()
    assert step(middle) not in dominators(step(output))
    assert step(start) in dominators(step(output))


@pytest.mark.thorough
def test_deep_networks_are_no_trouble() -> None:
    network = nn.Sequential(*(nn.Linear(2, 2) for _ in range(2000))).requires_grad_(False)
    output = network(torch.ones(1, 2, requires_grad=True))
    assert len(dominators(step(output))) >= 2000
