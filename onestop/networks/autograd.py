"""Walks through autograd's graph, in which each step points to the steps whose results it takes.

A step (`torch.autograd.graph.Node`) is what autograd keeps of an operation to compute its gradient: the
`grad_fn` of the operation's result. The graph ends at the tensors that ask for a gradient.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node


def inputs_of(step: Node) -> list[Node]:
    """The steps whose results a step takes; one that it takes twice is in the list twice."""
    return [before for before, _ in step.next_functions if before is not None]


def walk(
    steps: Iterable[Node | None], until: Callable[[Node], bool] = lambda _: False
) -> Iterator[Node]:
    """Each step on the way back from some, these included, once and in no particular order.

    Args:
        steps: Where to start; None, the step of a tensor without a gradient, is left out.
        until: Whether a step ends its path: the steps before it are reached by other paths alone.
    """
    waiting = [step for step in steps if step is not None]
    seen = set(waiting)
    while waiting:
        step = waiting.pop()
        yield step
        new = set() if until(step) else {*inputs_of(step)} - seen
        seen |= new
        waiting += new


def ordered(last: Node) -> list[Node]:
    """All steps behind a step, in the order in which autograd computes their gradients.

    A step follows all those that take its result; among steps that could be next, the one comes first
    whose operation ran last.
    """
    missing = Counter(before for step in walk([last]) for before in inputs_of(step))
    ties = itertools.count()  # steps themselves cannot be compared
    ready = [(0, next(ties), last)]
    order: list[Node] = []
    while ready:
        step = heapq.heappop(ready)[2]
        order.append(step)
        for before in inputs_of(step):
            missing[before] -= 1
            if not missing[before]:
                heapq.heappush(ready, (-_number(before), next(ties), before))
    return order


def _number(step: Any) -> int:
    """The number of a step's operation: the later it ran, the higher; highest for ends of the graph."""
    return int(step._sequence_nr())  # noqa: SLF001


def parameters_behind(outputs: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors at the ends of the graph: those that ask for a gradient of some outputs."""
    steps = (output.grad_fn for output in outputs if isinstance(output, Tensor))
    for step in walk(steps):
        if hasattr(step, "variable"):
            yield step.variable
