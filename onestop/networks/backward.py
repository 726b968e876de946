"""The functions that gradients pass through, from the loss back to the parameters."""

from __future__ import annotations

import heapq
import itertools
from typing import Any

from torch import Tensor, nn


def functions(loss: Tensor, network: nn.Module) -> list[dict[str, Any]]:
    """Each function of the backward pass once, in the order in which autograd runs them.

    That is what following `loss.grad_fn` and its `next_functions` shows, branches and all: a function
    runs as soon as it has the gradients of everything that its result went into, and among several
    that could run the one goes first whose forward operation came last.

    Args:
        loss: A scalar computed by the network.
        network: Names the parameters.

    Returns:
        Of each function its `number` (from 1), `function` (such as `AddmmBackward0`), `next` (the
        numbers of those it passes gradients on to), and for an `AccumulateGrad`, where a gradient
        ends, the name of the `parameter` ("" for other tensors) and its `shape`; else None. Nothing
        where nothing learns.
    """
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    order = _ordered(loss.grad_fn)
    numbers = {function: number for number, function in enumerate(order, 1)}
    rows = []
    for function, number in numbers.items():
        ends_in = getattr(function, "variable", None)
        rows.append({
            "number": number,
            "function": function.name().rpartition("::")[2],
            "parameter": None if ends_in is None else names.get(id(ends_in), ""),
            "shape": None if ends_in is None else list(ends_in.shape),
            "next": [numbers[inner] for inner in _next(function)],
        })  # fmt: skip
    return rows


def _ordered(first: Any) -> list[Any]:
    """Everything behind a function, each after all that pass gradients on to it."""
    waits_for = _waits_for(first)
    ready = [(0, 0, first)] if first is not None else []
    ties = itertools.count()  # functions themselves cannot be compared
    order: list[Any] = []
    while ready:
        function = heapq.heappop(ready)[2]
        order.append(function)
        for inner in _next(function):
            waits_for[inner] -= 1
            if not waits_for[inner]:
                # Autograd's own priority, that of an end being the highest.
                heapq.heappush(ready, (-inner._sequence_nr(), next(ties), inner))  # noqa: SLF001
    return order


def _waits_for(first: Any) -> dict[Any, int]:
    """How many times each function is given a gradient."""
    counts: dict[Any, int] = {first: 0}
    todo = [first] if first is not None else []
    while todo:
        for inner in _next(todo.pop()):
            if inner not in counts:
                counts[inner] = 0
                todo.append(inner)
            counts[inner] += 1
    return counts


def _next(function: Any) -> list[Any]:
    return [inner for inner, _ in function.next_functions if inner is not None]
