"""The effective stride of a map: how many pixels of the image lie between two of its places.

Without padding the map of a small network leaves out a wide border of the image: LeNet's 8x8 places
lie two pixels apart in the middle of 28x28 pixels. Stretched over the whole image, a heat map would
point beside what the network saw.
"""

from __future__ import annotations

import re
from typing import Any

from torch.autograd.graph import Node

from onestop.networks.autograd import inputs_of, ordered

# Steps that compute each place from the same place alone, by autograd's names.
_SAME_PLACE = re.compile(
    r"(Add|Sub|Mul|Div|Cat|Clamp|Clone|(Leaky|P)?Relu|Elu|Celu|Selu|Gelu|Silu|Mish|Sigmoid|Tanh|"
    r"Hardtanh|Hardswish|Hardsigmoid|Softplus|(Native|Cudnn|Miopen)(Batch|Group)Norm|ConstantPadNd)"
    r"Backward\d"
)
_SLIDING = ("ConvolutionBackward0", "MaxPool2DWithIndicesBackward0", "AvgPool2DBackward0")


def effective_stride(step: Node, image: Node) -> tuple[int, int] | None:
    """Pixels from one place of a map to the next, by rows and by columns; None if it is not known.

    It is the product of the strides along a path from the image to the map. Of paths with different
    products, such as one past a layer and one through a pooled gate, the smallest counts.

    Args:
        step: The step that made a map [B, C, h, w].
        image: The step that the image is.
    """
    strides = {step: (1, 1)}
    for here in ordered(step):
        # A step of another kind, such as a mean, ends its path.
        if here not in strides or not (own := _strides(here)):
            continue
        rows, columns = strides[here]
        stride = rows * own[0], columns * own[1]
        for before in inputs_of(here):
            strides[before] = min(strides.get(before, stride), stride)
    return strides.get(image)


def _strides(step: Any) -> tuple[int, int] | None:
    """Places of its input between two places of a step's output; None for a step of another kind."""
    name = step.name()
    if _SAME_PLACE.fullmatch(name):
        return 1, 1
    if name not in _SLIDING or getattr(step, "_saved_transposed", False):
        return None
    rows, columns = step._saved_stride or step._saved_kernel_size  # noqa: SLF001
    return rows, columns
