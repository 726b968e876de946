"""Random erasing: replaces a rectangle of an image by the mean colour.

Zhong et al. 2017, "Random erasing data augmentation", https://arxiv.org/abs/1708.04896. Cutout
(DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552) is the special case of a fixed square.

Legend: B images in a batch, C channels, h and w height and width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SMALLEST, LARGEST = 0.02, 0.4
"""Smallest and largest erased fraction of the area (section 3.2 of the paper: s_l and s_h)."""
NARROWEST = 0.3
"""Smallest ratio of the rectangle's shorter side to its longer one (r_1 of the paper)."""
_TRIES = 10
ERASE_DRAWS = 3 + 2 * _TRIES
"""Random numbers per image used by `erased`."""


def erased(
    images: Tensor, probability: float, mean: Sequence[float], draws: NDArray[np.float64]
) -> Tensor:
    """Erase a random rectangle in some of the images uint8 [B, C, h, w].

    Args:
        images: Not modified.
        probability: Fraction of the images in which a rectangle is erased.
        mean: Fill value per channel, for pixels in [0, 1]: the mean that the preprocessing subtracts,
            so that the network sees about zero there.
        draws: [B, `ERASE_DRAWS`] in [0, 1).
    """
    height, width = images.shape[-2:]
    h, w = _sizes(height, width, draws[:, 3:])
    hit = (draws[:, 0] < probability) & (h > 0) & (w > 0)
    top = (draws[:, 1] * (height - h + 1)).astype(np.int64)
    left = (draws[:, 2] * (width - w + 1)).astype(np.int64)
    rows = _between(top, np.where(hit, h, 0), height, images)[:, None, :, None]
    columns = _between(left, w, width, images)[:, None, None, :]
    values = [round(255 * value) for value in mean]
    colour = torch.tensor(values, dtype=torch.uint8, device=images.device).view(1, -1, 1, 1)
    return torch.where(rows & columns, colour, images)


def _sizes(
    height: int, width: int, draws: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Height and width [B] of the first of `_TRIES` rectangles that fits; 0 if none does."""
    areas, shapes = draws[:, 0::2], draws[:, 1::2]
    area = height * width * (SMALLEST + (LARGEST - SMALLEST) * areas)
    # Log-uniform, so that tall and wide rectangles are equally frequent.
    ratio = np.exp((2 * shapes - 1) * -math.log(NARROWEST))
    h, w = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
    fits = (h <= height) & (w <= width)
    first = fits.argmax(1)
    rows = np.arange(len(draws))
    any_fits = fits.any(1)
    return (
        np.where(any_fits, h[rows, first], 0).astype(np.int64),
        np.where(any_fits, w[rows, first], 0).astype(np.int64),
    )


def _between(
    start: NDArray[np.int64], length: NDArray[np.int64], end: int, images: Tensor
) -> Tensor:
    """Mask [B, end] of the positions start ... start+length-1, one row per image."""
    first = torch.from_numpy(start).to(images.device)[:, None]
    last = torch.from_numpy(start + length).to(images.device)[:, None]
    positions = torch.arange(end, device=images.device)
    return (positions >= first) & (positions < last)
