"""The steps of a computation that everything passes through on its way from the image to the output.

Steps are those that autograd keeps: each points to the steps whose results it takes.
"""

from __future__ import annotations

from torch.autograd.graph import Node


def necks(output: Node) -> dict[Node, set[Node]]:
    """The steps that every path from the image to the output leads through, the last first.

    Between two of them a network may branch as it likes: a sum of a residual block is a neck, what is
    computed inside the block is none.

    Args:
        output: The last step of a computation in which the image alone asked for gradients, so that
            all steps lead back to it.

    Returns:
        Each neck, and the steps that take its result.
    """
    users = _users(output)
    left = {step: len(takers) for step, takers in users.items()}
    # From the output back, each step after all that take its result. While a step is the only one
    # that waits, no path leads around it.
    found, waiting, ready = {}, {output}, [output]
    while ready:
        step = ready.pop()
        if len(waiting) == 1:
            found[step] = users[step]
        waiting.discard(step)
        for before in _before(step):
            waiting.add(before)
            left[before] -= 1
            if not left[before]:
                ready.append(before)
    return found


def _before(step: Node) -> set[Node]:
    """The steps whose results a step takes."""
    return {before for before, _ in step.next_functions if before is not None}


def _users(output: Node) -> dict[Node, set[Node]]:
    """All steps that an output is computed from, each with those that take its result."""
    users: dict[Node, set[Node]] = {output: set()}
    todo = [output]
    while todo:
        step = todo.pop()
        for before in _before(step):
            if before not in users:
                users[before] = set()
                todo.append(before)
            users[before].add(step)
    return users
