"""The functions of the backward pass stand in the order in which autograd runs them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from onestop.networks import build
from onestop.networks.backward import functions


class Branches(nn.Module):
    """A residual block, a layer used twice, and one that does not learn."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice, self.fixed = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.fixed.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = x + self.twice(torch.relu(self.twice(x)))
        return self.fixed(x)  # type: ignore[no-any-return]


def behind(loss: Tensor) -> list[Any]:
    """Each function of the backward pass, in no order that matters."""
    known: list[Any] = [loss.grad_fn]
    for function in known:
        known += [f for f, _ in function.next_functions if f is not None and f not in known]
    return known


def test_the_order_is_that_in_which_autograd_runs() -> None:
    network = Branches()
    loss = network(torch.randn(2, 3)).square().mean()
    rows = functions(loss, network)
    ran: list[str] = []
    kept = behind(loss)
    for function in kept:
        name = function.name().split("::")[-1]
        function.register_hook(lambda *_, name=name: ran.append(name))
    loss.backward()
    assert [row["function"] for row in rows] == ran
    assert [row["number"] for row in rows] == [*range(1, len(rows) + 1)]


def test_following_the_first_of_the_next_is_the_chain_of_the_tutorials() -> None:
    network = build("lenet5", 10)
    loss = nn.functional.cross_entropy(network(torch.randn(2, 1, 32, 32)), torch.tensor([1, 2]))
    rows = functions(loss, network)
    function, row = loss.grad_fn, rows[0]
    while function is not None:
        assert row["function"] == function.name().split("::")[-1]
        inner = [following for following, _ in function.next_functions if following is not None]
        assert len(row["next"]) == len(inner)
        function = inner[0] if inner else None
        row = rows[row["next"][0] - 1] if inner else row
    assert [row["function"] for row in rows[:3]] == [
        "NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0",
    ]  # fmt: skip


def test_each_parameter_that_learns_stands_where_its_gradient_ends() -> None:
    network = Branches()
    rows = functions(network(torch.randn(2, 3)).sum(), network)
    ends = {row["parameter"]: row["shape"] for row in rows if row["parameter"] is not None}
    assert ends == {
        "first.weight": [4, 3], "first.bias": [4], "twice.weight": [4, 4], "twice.bias": [4],
    }  # fmt: skip
    assert all((row["function"] == "AccumulateGrad") == (row["next"] == []) for row in rows)
    reached = [number for row in rows for number in row["next"]]
    shared = next(row["number"] for row in rows if row["parameter"] == "twice.bias")
    assert reached.count(shared) == 2
    assert {*reached, 1} == {row["number"] for row in rows}


def test_no_depth_is_too_deep() -> None:
    network = nn.Linear(1, 1)
    x = network(torch.ones(1, 1))
    for _ in range(5000):
        x = x + 1
    rows = functions(x.sum(), network)
    assert len(rows) == 5000 + 5
    assert rows[-1]["parameter"] in ("weight", "bias")


@pytest.mark.parametrize("name", ["densenet121_small", "resnet110"])
def test_real_networks_reach_all_their_parameters(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 10)
        rows = functions(network(torch.zeros(2, 3, 32, 32)).sum(), network)
    ends = [row["parameter"] for row in rows if row["parameter"] is not None]
    assert sorted(ends) == sorted(key for key, _ in network.named_parameters())
    assert all(number > row["number"] for row in rows for number in row["next"])


def test_where_nothing_learns_there_is_nothing() -> None:
    network = nn.Linear(2, 1).requires_grad_(False)
    assert functions(network(torch.zeros(1, 2)).sum(), network) == []
