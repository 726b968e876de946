"""How images lie in memory, and copies of whole images: torch's own indexing goes number by number.

Legend: N images, C channels, h and w height and width, F numbers of a vector.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def dense(images: Tensor) -> Tensor:
    """Images that lie one after the other, [N, C, h, w] contiguous or channels-last, or [N, F]."""
    last = images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last)
    return images if last else images.contiguous()


def rows(images: Tensor) -> Tensor:
    """A view of dense images, [N, C*h*w], their numbers in the order in which they lie in memory."""
    size = math.prod(images.shape[1:])
    return images.as_strided((len(images), size), (size, 1))


def taken(images: Tensor, indices: Tensor) -> Tensor:
    """`images[indices]`, laid out as they are."""
    images = dense(images)
    size = math.prod(images.shape[1:])
    chosen = rows(images).index_select(0, indices)
    return chosen.as_strided((len(indices), *images.shape[1:]), (size, *images.stride()[1:]))
