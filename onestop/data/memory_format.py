"""Row gathers that keep the memory format; faster than torch's advanced indexing.

Legend: N images, C channels, h and w height and width, F values of a vector.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def dense(images: Tensor) -> Tensor:
    """Images without gaps in memory: [N, C, h, w] contiguous or channels-last, or [N, F]."""
    channels_last = images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last)
    return images if channels_last else images.contiguous()


def rows(images: Tensor) -> Tensor:
    """A view of dense images as [N, C*h*w], their values in memory order."""
    size = math.prod(images.shape[1:])
    return images.as_strided((len(images), size), (size, 1))


def taken(images: Tensor, indices: Tensor) -> Tensor:
    """`images[indices]` in the same memory format."""
    images = dense(images)
    size = math.prod(images.shape[1:])
    selected = rows(images).index_select(0, indices)
    return selected.as_strided((len(indices), *images.shape[1:]), (size, *images.stride()[1:]))
