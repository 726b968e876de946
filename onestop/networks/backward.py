"""The functions that gradients pass through, from the loss back to the parameters."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from onestop.networks.autograd import inputs_of, ordered


def functions(loss: Tensor, network: nn.Module) -> list[dict[str, Any]]:
    """Each function of the backward pass once, in the order in which autograd runs them.

    These are the functions reached from `loss.grad_fn` through `next_functions`, all branches included:
    a function runs as soon as it has the gradients of everything that its result went into, and among
    several that could run, the one whose forward operation came last goes first.

    Args:
        loss: A scalar computed by the network.
        network: Names the parameters.

    Returns:
        For each function its `number` (from 1), `function` (such as `AddmmBackward0`), `next` (the
        numbers of those it passes gradients on to), and for an `AccumulateGrad`, where a gradient
        ends, the name of the `parameter` ("" for other tensors) and its `shape`; else None. Empty if
        nothing learns.
    """
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    order = ordered(loss.grad_fn) if loss.grad_fn is not None else []
    numbers = {function: number for number, function in enumerate(order, 1)}
    rows = []
    for function, number in numbers.items():
        ends_in = getattr(function, "variable", None)
        rows.append({
            "number": number,
            "function": function.name().rpartition("::")[2],
            "parameter": None if ends_in is None else names.get(id(ends_in), ""),
            "shape": None if ends_in is None else list(ends_in.shape),
            "next": [numbers[before] for before in inputs_of(function)],
        })  # fmt: skip
    return rows
