"""Walks through autograd's graph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from onestop.networks.autograd import inputs_of, ordered, parameters_behind, walk


def step(tensor: Tensor) -> Node:
    assert tensor.grad_fn is not None
    return tensor.grad_fn


@pytest.fixture
def steps() -> dict[str, Node]:
    """x -> a -> b and c -> d."""
    x = torch.ones(2, requires_grad=True)
    a = x * 2
    b, c = a.relu(), a.exp()
    d = b + c
    return {name: step(tensor) for name, tensor in {"a": a, "b": b, "c": c, "d": d}.items()}


def test_inputs_are_the_steps_whose_results_a_step_takes(steps: dict[str, Node]) -> None:
    assert inputs_of(steps["d"]) == [steps["b"], steps["c"]]
    (end,) = inputs_of(steps["a"])  # the factor 2 asks for no gradient
    assert inputs_of(end) == []


def test_what_is_taken_twice_is_there_twice() -> None:
    x = torch.ones(2, requires_grad=True) * 1
    assert inputs_of(step(x * x)) == [step(x)] * 2


def test_a_walk_meets_each_step_once(steps: dict[str, Node]) -> None:
    met = list(walk([steps["d"], None, steps["b"]]))
    assert len(met) == len(set(met)) == 5
    assert {*steps.values()} <= {*met}


def test_a_walk_ends_a_path_where_it_is_told(steps: dict[str, Node]) -> None:
    assert {*walk([steps["d"]], until={steps["b"], steps["c"]}.__contains__)} == {
        steps["d"], steps["b"], steps["c"],
    }  # fmt: skip
    # By another path it goes on.
    assert steps["a"] in walk([steps["d"]], until=lambda step: step == steps["b"])


def test_the_order_puts_each_step_after_all_that_take_its_result(steps: dict[str, Node]) -> None:
    order = ordered(steps["d"])
    assert order[:4] == [steps[name] for name in "dcba"]  # c ran after b, so it comes first
    assert len(order) == 5


def test_the_order_is_that_in_which_autograd_runs() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(1))
    loss = network(torch.randn(2, 3)).square().sum()
    ran: list[Node] = []
    expected = ordered(step(loss))
    for function in expected:
        note: Any = lambda *_, function=function: ran.append(function)  # noqa: E731
        function.register_hook(note)
    loss.backward()
    assert ran == expected


def test_functions_written_in_python_are_steps_too() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(_: Any, *gradients: Tensor) -> Tensor:
            return gradients[0] * 2

    x = torch.ones(2, requires_grad=True)
    output = Double.apply(x).relu()
    names = [one.name().rpartition("::")[2] for one in ordered(step(output))]
    assert names[:2] == ["ReluBackward0", "DoubleBackward"]
    assert [id(tensor) for tensor in parameters_behind([output])] == [id(x)]


def test_only_the_parameters_that_outputs_depend_on_are_behind_them() -> None:
    first, second, idle = nn.Linear(2, 2), nn.Linear(2, 2, bias=False), nn.Linear(2, 2)
    second.weight.requires_grad_(False)
    output = second(first(torch.ones(1, 2)))
    behind = {id(parameter) for parameter in parameters_behind([output, None, "no tensor"])}
    assert behind == {id(parameter) for parameter in first.parameters()}
    assert id(idle.weight) not in behind


def test_no_depth_is_too_deep() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(5000):
        y = y + 1
    assert len(ordered(step(y))) == len(list(walk([step(y)]))) == 5001
