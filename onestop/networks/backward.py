"""The functions of the backward pass, from the loss to the parameters."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from onestop.networks.autograd import inputs_of, ordered


def functions(loss: Tensor, network: nn.Module) -> list[dict[str, Any]]:
    """All functions of the backward pass, in the order in which autograd runs them.

    These are the functions reachable from `loss.grad_fn` through `next_functions`, on all branches. A
    function runs once it has the gradients from all uses of its result; among several that are ready,
    the one whose forward operation ran last comes first.

    Args:
        loss: A scalar computed by the network.
        network: Names the parameters.

    Returns:
        For each function its `number` (from 1), `function` (such as `AddmmBackward0`), `next` (the
        numbers of the functions it passes gradients to), and for an `AccumulateGrad`, which stores a
        gradient, the name of the `parameter` ("" for other tensors) and its `shape`; else None. Empty
        if nothing requires gradients.
    """
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    order = ordered(loss.grad_fn) if loss.grad_fn is not None else []
    numbers = {function: number for number, function in enumerate(order, 1)}
    rows = []
    for function, number in numbers.items():
        tensor = getattr(function, "variable", None)
        rows.append({
            "number": number,
            "function": function.name().rpartition("::")[2],
            "parameter": None if tensor is None else names.get(id(tensor), ""),
            "shape": None if tensor is None else list(tensor.shape),
            "next": [numbers[source] for source in inputs_of(function)],
        })  # fmt: skip
    return rows
