"""Scale jitter: images shown larger or smaller, each around one of its objects.

Legend: B images in a batch, C channels, h and w of a prepared image.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Numbers: TypeAlias = NDArray[np.float64]

ZOOM_DRAWS = 3
"""Random numbers of an image: its scale, and its place from top and left."""


def windows(strength: float, draws: Numbers, focus: Numbers | None = None) -> Numbers:
    """The part of each image that is shown, or more than it, with black around.

    Sides are between 1 / (1 + strength) and 1 + strength of the image's, all factors alike likely.

    Args:
        strength: Above 0.
        draws: Uniform in [0, 1), [B, ZOOM_DRAWS].
        focus: Boxes to show whole, if they fit: x1, y1, x2, y2 as fractions of the image, [B, 4]; NaN
            for images without any.

    Returns:
        Top, left, height and width as fractions of the image's, [B, 4].
    """
    side = (1 + strength) ** (2 * draws[:, :1] - 1)
    low, high = np.minimum(0, 1 - side), np.maximum(0, 1 - side)
    low, high = np.repeat(low, 2, 1), np.repeat(high, 2, 1)
    if focus is not None:
        first, last = focus[:, 1::-1], focus[:, 3:1:-1]  # y, x
        middle = np.clip((first + last - side) / 2, low, high)
        from_, to = np.fmax(low, last - side), np.fmin(high, first)
        low, high = np.where(from_ > to, middle, from_), np.where(from_ > to, middle, to)
    corner = low + draws[:, 1:] * (high - low)
    return np.concatenate([corner, side, side], 1)


def zoomed(images: Tensor, window: Numbers) -> Tensor:
    """Images uint8 [B, C, h, w] of which some windows are shown, linear between pixels."""
    top, left, tall, wide = torch.from_numpy(window).to(images.device, torch.float32).T
    zero = torch.zeros_like(top)
    rows = torch.stack([wide, zero, 2 * left + wide - 1], 1)
    columns = torch.stack([zero, tall, 2 * top + tall - 1], 1)
    grid = F.affine_grid(torch.stack([rows, columns], 1), list(images.shape), align_corners=False)
    values = F.grid_sample(images.float(), grid, align_corners=False)
    return values.round().clamp(0, 255).to(images.dtype)
