"""The steps of a computation that every path from the image to the output passes through.

In graph terms: the dominators of the image, seen from the output. Steps are those of autograd's graph,
see `onestop/networks/autograd.py`.
"""

from __future__ import annotations

from torch.autograd.graph import Node

from onestop.networks.autograd import inputs_of, ordered


def dominators(output: Node) -> dict[Node, set[Node]]:
    """The steps that every path from the image to the output leads through, the last first.

    Between two of them a network may branch as it likes: the sum of a residual block is a dominator,
    what is computed inside the block is not.

    Args:
        output: The last step of a computation in which the image alone asked for gradients, so that
            all steps lead back to it.

    Returns:
        Each dominator, and the steps that take its result.
    """
    order = ordered(output)
    takers: dict[Node, set[Node]] = {step: set() for step in order}
    for step in order:
        for before in inputs_of(step):
            takers[before].add(step)
    # From the output back, each step after all that take its result. While a step is the only one
    # that waits, no path leads around it.
    found, waiting = {}, {output}
    for step in order:
        if len(waiting) == 1:
            found[step] = takers[step]
        waiting.remove(step)
        waiting.update(inputs_of(step))
    return found
