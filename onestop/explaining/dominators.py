"""Dominators of a computation: the steps that every path from the image to the output passes through.

Steps are the nodes of the autograd graph; see `onestop/networks/autograd.py`.
"""

from __future__ import annotations

from torch.autograd.graph import Node

from onestop.networks.autograd import inputs_of, ordered


def dominators(output: Node) -> dict[Node, set[Node]]:
    """The dominators, the last first.

    Between two of them a network may branch: the sum of a residual block is a dominator, the steps
    inside the block are not.

    Args:
        output: The last step of a computation in which only the image requires gradients, so that all
            steps lead back to it.

    Returns:
        Each dominator, with the steps that use its result.
    """
    order = ordered(output)
    users: dict[Node, set[Node]] = {step: set() for step in order}
    for step in order:
        for source in inputs_of(step):
            users[source].add(step)
    # Backwards from the output, each step after all its users. If a step is the only pending one, no
    # path leads around it.
    dominating, pending = {}, {output}
    for step in order:
        if len(pending) == 1:
            dominating[step] = users[step]
        pending.remove(step)
        pending.update(inputs_of(step))
    return dominating
