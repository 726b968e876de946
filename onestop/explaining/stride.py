"""The effective stride of a feature map: the distance in pixels between neighbouring positions.

Without padding, the feature map of a small network does not cover a wide border of the image: LeNet's
8x8 positions lie two pixels apart in the middle of 28x28 pixels. Stretched over the whole image, a heat
map would be misaligned.
"""

from __future__ import annotations

import re
from typing import Any

from torch.autograd.graph import Node

from onestop.networks.autograd import inputs_of, ordered

# Pointwise steps, by their names in autograd.
_SAME_PLACE = re.compile(
    r"(Add|Sub|Mul|Div|Cat|Clamp|Clone|(Leaky|P)?Relu|Elu|Celu|Selu|Gelu|Silu|Mish|Sigmoid|Tanh|"
    r"Hardtanh|Hardswish|Hardsigmoid|Softplus|(Native|Cudnn|Miopen)(Batch|Group)Norm|ConstantPadNd)"
    r"Backward\d"
)
_SLIDING = ("ConvolutionBackward0", "MaxPool2DWithIndicesBackward0", "AvgPool2DBackward0")


def effective_stride(step: Node, image: Node) -> tuple[int, int] | None:
    """Pixels between neighbouring positions, by rows and by columns; None if it is unknown.

    This is the product of the strides along a path from the image to the feature map. If paths differ,
    such as one around a layer and one through a pooled gate, the smallest product counts.

    Args:
        step: The step that computes a feature map [B, C, h, w].
        image: The step of the image.
    """
    strides = {step: (1, 1)}
    for node in ordered(step):
        # A step of another kind, such as a mean, ends its path.
        if node not in strides or not (own := _strides(node)):
            continue
        rows, columns = strides[node]
        stride = rows * own[0], columns * own[1]
        for source in inputs_of(node):
            strides[source] = min(strides.get(source, stride), stride)
    return strides.get(image)


def _strides(step: Any) -> tuple[int, int] | None:
    """The stride of a step; None for a step of another kind."""
    name = step.name()
    if _SAME_PLACE.fullmatch(name):
        return 1, 1
    if name not in _SLIDING or getattr(step, "_saved_transposed", False):
        return None
    rows, columns = step._saved_stride or step._saved_kernel_size  # noqa: SLF001
    return rows, columns
