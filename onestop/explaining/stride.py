"""How many pixels lie between the places of a map: the product of the strides on the way to it.

Without padding the map of a small network leaves out a wide border of the image: LeNet's 8x8 places
lie two pixels apart in the middle of 28x28 pixels. Stretched over all of these, a heat map would point
beside what the network saw.
"""

from __future__ import annotations

import re
from typing import Any

from torch.autograd.graph import Node

# Steps that compute each place from the same place alone, by autograd's names.
_SAME_PLACE = re.compile(
    r"(Add|Sub|Mul|Div|Cat|Clamp|Clone|(Leaky|P)?Relu|Elu|Celu|Selu|Gelu|Silu|Mish|Sigmoid|Tanh|"
    r"Hardtanh|Hardswish|Hardsigmoid|Softplus|(Native|Cudnn|Miopen)(Batch|Group)Norm|ConstantPadNd)"
    r"Backward\d"
)
_SLIDING = ("ConvolutionBackward0", "MaxPool2DWithIndicesBackward0", "AvgPool2DBackward0")


def spacing(step: Node, image: Node) -> tuple[int, int] | None:
    """Pixels from one place of a map to the next, by rows and by columns; None where nobody knows.

    Args:
        step: That made a map [B, C, h, w].
        image: The step that the image is.
    """
    todo, seen = [(step, (1, 1))], {step}
    while todo:  # ways that end at a step of another kind, such as a mean, say nothing
        here, apart = todo.pop()
        if here == image:
            return apart
        if strides := _strides(here):
            new = {before for before, _ in here.next_functions if before is not None} - seen
            seen |= new
            todo += [(before, (apart[0] * strides[0], apart[1] * strides[1])) for before in new]
    return None


def _strides(step: Any) -> tuple[int, int] | None:
    """Places of its input between those of a step's output; None of a step of another kind."""
    name = step.name()
    if _SAME_PLACE.fullmatch(name):
        return 1, 1
    if name not in _SLIDING or getattr(step, "_saved_transposed", False):
        return None
    rows, columns = step._saved_stride or step._saved_kernel_size  # noqa: SLF001
    return rows, columns
