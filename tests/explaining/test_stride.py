"""The effective stride of a map is the product of the strides before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from onestop.explaining.stride import effective_stride

conv = nn.Conv2d(3, 3, 3, stride=2, padding=1)
gated = nn.Conv2d(3, 3, 1)


@pytest.mark.parametrize(
    ("compute", "stride"),
    [
        (lambda x: x.relu(), (1, 1)),
        (conv, (2, 2)),
        (lambda x: F.max_pool2d(conv(x), 3, 2), (4, 4)),
        (lambda x: F.avg_pool2d(x, (2, 4)), (2, 4)),
        (lambda x: torch.cat([conv(x), F.max_pool2d(x, 2)], 1), (2, 2)),
        (lambda x: gated(x.mean((2, 3), keepdim=True)).sigmoid() * conv(x), (2, 2)),
        (lambda x: gated(F.avg_pool2d(x, 16)).sigmoid() * conv(x), (2, 2)),
        (lambda x: F.pad(x, (1, 2, 3, 4)), (1, 1)),
        (lambda x: F.interpolate(x, scale_factor=2), None),
        (lambda x: F.conv_transpose2d(x, torch.ones(3, 3, 2, 2), stride=2), None),
        (lambda x: x[:, :, ::2], None),
    ],
)
def test_strides_are_multiplied(
    compute: Callable[[Tensor], Tensor], stride: tuple[int, int] | None
) -> None:
    image = torch.zeros(1, 3, 16, 16, requires_grad=True)
    output = compute(image)
    assert output.grad_fn is not None
    assert effective_stride(output.grad_fn, get_gradient_edge(image).node) == stride
