"""MixUp and CutMix: mixes each image of a batch, and its target, with another of the same batch.

MixUp averages two images (Zhang et al. 2017, https://arxiv.org/abs/1710.09412); CutMix pastes a
rectangle of one into the other (Yun et al. 2019, https://arxiv.org/abs/1905.04899). All images of a
batch are mixed in the same proportion. Targets become class shares: the cross entropy with them is the
sum of the losses for either target, weighted by its share, also with label smoothing and class weights.

Legend: B images in a batch, K classes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MIX_DRAWS = 5
"""Random numbers per batch used by `mixed`."""


def mixed(
    inputs: Tensor, shares: Tensor, mixup: float, cutmix: float, draws: NDArray[np.float64]
) -> tuple[Tensor, Tensor]:
    """Mix a batch: inputs [B, C, h, w] and class shares [B, K], whose rows sum to 1.

    Each image is mixed with its predecessor, the first with the last; batches are in random order.

    Args:
        inputs: [B, C, h, w], B >= 1; not modified.
        shares: Class shares of the unmixed images, [B, K].
        mixup: Parameter alpha of MixUp: the proportion is drawn from Beta(alpha, alpha), near 0 and 1
            for a small alpha, uniform for 1, near one half for a large one. 0: no MixUp.
        cutmix: The same for CutMix. At least one is above 0; if both are, one is picked at random.
        draws: [`MIX_DRAWS`] in [0, 1), for the whole batch.
    """
    choice, u, v, down, right = draws.tolist()
    use_mixup = cutmix == 0 or (mixup > 0 and choice < 0.5)
    share = symmetric_beta(mixup if use_mixup else cutmix, u, v)
    if use_mixup:
        inputs = inputs * share + _neighbours(inputs).mul_(1 - share)
    else:
        inputs, share = _patched(inputs, share, down, right)
    return inputs, shares * share + _neighbours(shares).mul_(1 - share)


def symmetric_beta(alpha: float, u: float, v: float) -> float:
    """A sample of Beta(alpha, alpha) from two uniform numbers in [0, 1).

    Devroye, "Random variate generation in one line of code", Winter Simulation Conference 1996, from
    Bailey's method for Student's t. Needs no rejection for any alpha.
    """
    power, cosine = (1 - u) ** (1 / alpha), math.cos(2 * math.pi * v)
    part = cosine * math.sqrt((1 - power) / (power + (1 - power) * cosine**2))
    return min(1.0, max(0.0, (1 + part) / 2))  # rounding can exceed the interval


def _patched(inputs: Tensor, share: float, down: float, right: float) -> tuple[Tensor, float]:
    """Paste a rectangle of about 1-share of the area from the neighbour; also the exact share left.

    Its centre may be anywhere, so the borders may clip it (section 3.1 of the paper).
    """
    height, width = inputs.shape[-2:]
    side = math.sqrt(1 - share)
    top, bottom = _span(height, side, down)
    left, end = _span(width, side, right)
    patched = inputs.clone()
    patched[..., top:bottom, left:end] = _neighbours(inputs[..., top:bottom, left:end])
    return patched, 1 - (bottom - top) * (end - left) / (height * width)


def _span(length: int, share: float, position: float) -> tuple[int, int]:
    """Start and end of an interval of about share * length around a relative position."""
    middle, size = int(position * length), int(share * length)
    return max(0, middle - size // 2), min(length, middle - size // 2 + size)


def _neighbours(rows: Tensor) -> Tensor:
    """A copy with every row replaced by its predecessor, the first by the last."""
    return torch.cat([rows[-1:], rows[:-1]])
