"""MixUp and CutMix: each image of a batch mixed with another one of it, and their targets alike.

MixUp adds two images (Zhang et al. 2017, https://arxiv.org/abs/1710.09412); CutMix puts a rectangle of
one into the other (Yun et al. 2019, https://arxiv.org/abs/1905.04899). All images of a batch are mixed
in one proportion. The targets become a share of each class: cross entropy with them is the sum of the
losses with either target, weighted by its share, also with label smoothing and class weights.

Legend: B images of a batch, K classes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MIX_DRAWS = 5
"""Random numbers per batch that `mixed` takes."""


def mixed(
    inputs: Tensor, shares: Tensor, mixup: float, cutmix: float, draws: NDArray[np.float64]
) -> tuple[Tensor, Tensor]:
    """Mixed inputs [B, C, h, w], and what share of each class is in them: [B, K], rows of sum 1.

    Each image is mixed with the one before it, the first one with the last: their order is random.

    Args:
        inputs: [B, C, h, w], B >= 1; not changed.
        shares: What share of each class is in the images so far, [B, K].
        mixup: Parameter alpha of MixUp: the proportion is drawn from Beta(alpha, alpha), near 0 and 1
            for a small alpha, evenly for 1, and near one half for a large one. 0: no MixUp.
        cutmix: The same of CutMix. One of the two at least is above 0; if both are, chance decides.
        draws: [`MIX_DRAWS`] in [0, 1), for the whole batch.
    """
    choice, *place = draws.tolist()
    by_adding = cutmix == 0 or (mixup > 0 and choice < 0.5)
    share = symmetric_beta(mixup if by_adding else cutmix, place[0], place[1])
    if by_adding:
        inputs = inputs * share + _neighbours(inputs).mul_(1 - share)
    else:
        inputs, share = _patched(inputs, share, place[2], place[3])
    return inputs, shares * share + _neighbours(shares).mul_(1 - share)


def symmetric_beta(alpha: float, u: float, v: float) -> float:
    """A number from Beta(alpha, alpha) from two even ones in [0, 1).

    Devroye, "Random variate generation in one line of code", Winter Simulation Conference 1996, from
    Bailey's way to Student's distribution. No number has to be thrown away for any alpha.
    """
    power, cosine = (1 - u) ** (1 / alpha), math.cos(2 * math.pi * v)
    part = cosine * math.sqrt((1 - power) / (power + (1 - power) * cosine**2))
    return min(1.0, max(0.0, (1 + part) / 2))  # which rounding can leave


def _patched(inputs: Tensor, share: float, down: float, right: float) -> tuple[Tensor, float]:
    """A rectangle of about 1-share of the area from the neighbour, and the share left exactly.

    Its middle lies anywhere, so that it may be cut off at the borders (section 3.1 of the paper).
    """
    height, width = inputs.shape[-2:]
    side = math.sqrt(1 - share)
    top, bottom = _span(height, side, down)
    left, end = _span(width, side, right)
    patched = inputs.clone()
    patched[..., top:bottom, left:end] = _neighbours(inputs[..., top:bottom, left:end])
    return patched, 1 - (bottom - top) * (end - left) / (height * width)


def _span(length: int, share: float, where: float) -> tuple[int, int]:
    """Start and end of a part of about share * length about a place in 0 ... length-1."""
    middle, size = int(where * length), int(share * length)
    return max(0, middle - size // 2), min(length, middle - size // 2 + size)


def _neighbours(rows: Tensor) -> Tensor:
    """A copy in which each row is the one before it, the first one the last."""
    return torch.cat([rows[-1:], rows[:-1]])
