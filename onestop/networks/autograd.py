"""Traversal of the autograd graph, in which each step points to the steps whose results it uses.

A step (`torch.autograd.graph.Node`) is autograd's record of an operation: the `grad_fn` of its result.
The graph ends at the tensors that require gradients.
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
    """The steps whose results a step uses; one that it uses twice is listed twice."""
    return [source for source, _ in step.next_functions if source is not None]


def walk(
    steps: Iterable[Node | None], until: Callable[[Node], bool] = lambda _: False
) -> Iterator[Node]:
    """All steps reachable backwards from some, including these, once each and in no particular order.

    Args:
        steps: Where to start; None, the step of a tensor without a gradient, is ignored.
        until: Whether to stop at a step: those before it are only reached by other paths.
    """
    pending = [step for step in steps if step is not None]
    seen = set(pending)
    while pending:
        step = pending.pop()
        yield step
        new = set() if until(step) else {*inputs_of(step)} - seen
        seen |= new
        pending += new


def ordered(last: Node) -> list[Node]:
    """All steps reachable from one, in the order in which autograd computes their gradients.

    A step follows all steps that use its result; among those that are ready, the one whose operation
    ran last comes first.
    """
    missing = Counter(source for step in walk([last]) for source in inputs_of(step))
    ties = itertools.count()  # steps are not comparable
    ready = [(0, next(ties), last)]
    order: list[Node] = []
    while ready:
        step = heapq.heappop(ready)[2]
        order.append(step)
        for source in inputs_of(step):
            missing[source] -= 1
            if not missing[source]:
                heapq.heappush(ready, (-_sequence_number(source), next(ties), source))
    return order


def _sequence_number(step: Any) -> int:
    """Position of a step's operation in the order of execution; highest for the ends of the graph."""
    return int(step._sequence_nr())  # noqa: SLF001


def parameters_behind(outputs: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors at the ends of the graph, which receive gradients from some outputs."""
    steps = (output.grad_fn for output in outputs if isinstance(output, Tensor))
    for step in walk(steps):
        if hasattr(step, "variable"):
            yield step.variable
