"""A rectangle of an image replaced by plain colour, so that no single part is relied on.

Zhong et al. 2017, "Random erasing data augmentation", https://arxiv.org/abs/1708.04896. Cutout
(DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552) is the special case of one fixed square.

Legend: B images of a batch, C channels, h and w height and width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SMALLEST, LARGEST = 0.02, 0.4
"""Least and largest share of the area that is erased (section 3.2 of the paper: s_l and s_h)."""
NARROWEST = 0.3
"""Smallest ratio of the rectangle's shorter side to its longer one (r_1 of the paper)."""
_TRIES = 10
ERASE_DRAWS = 3 + 2 * _TRIES
"""Random numbers an image that `erased` takes."""


def erased(
    images: Tensor, probability: float, mean: Sequence[float], draws: NDArray[np.float64]
) -> Tensor:
    """Images uint8 [B, C, h, w], in some of which a rectangle has the mean colour.

    Args:
        images: Not changed.
        probability: Share of the images in which something is erased.
        mean: The value of each channel to fill with, for pixels in [0, 1]; what the preprocessing
            subtracts, so that the network sees about zero there.
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
    """Height and width [B] of the first rectangle that fits, of `_TRIES`; 0 where none does."""
    areas, shapes = draws[:, 0::2], draws[:, 1::2]
    area = height * width * (SMALLEST + (LARGEST - SMALLEST) * areas)
    # Even on the scale of logarithms, so that tall and wide rectangles are as many.
    ratio = np.exp((2 * shapes - 1) * -math.log(NARROWEST))
    h, w = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
    fits = (h <= height) & (w <= width)
    first = fits.argmax(1)
    rows = np.arange(len(draws))
    found = fits.any(1)
    return (
        np.where(found, h[rows, first], 0).astype(np.int64),
        np.where(found, w[rows, first], 0).astype(np.int64),
    )


def _between(
    start: NDArray[np.int64], length: NDArray[np.int64], end: int, images: Tensor
) -> Tensor:
    """Which of 0 ... end-1 lie in start ... start+length-1, a row an image: [B, end]."""
    first = torch.from_numpy(start).to(images.device)[:, None]
    last = torch.from_numpy(start + length).to(images.device)[:, None]
    places = torch.arange(end, device=images.device)
    return (places >= first) & (places < last)
