"""Exact mean and standard deviation of images per channel.

Legend: N images, C channels, H and W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ChannelStatistics:
    """Statistics of pixels in [0, 1], one value per channel.

    Two standard deviations are in common use: `std` over all pixels of all images, and `image_std`,
    the mean of the deviations within each image, which many tutorials print and which is smaller.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_std: tuple[float, ...]


@dataclass(frozen=True)
class PixelSums:
    """Sums over some images, which can be added up; each [C] except the counts."""

    images: int
    pixels: int
    total: Tensor
    squares: Tensor
    deviations: Tensor


def sums_of(images: Tensor) -> PixelSums:
    """Sums over uint8 images [N, C, H, W]; exact, since they are integers."""
    count, _, height, width = images.shape
    pixels = height * width
    wide = images.flatten(2).to(torch.int64)  # [N, C, H*W]
    total, squares = wide.sum(-1), (wide * wide).sum(-1)  # [N, C]
    variance = squares.double() / pixels - (total.double() / pixels) ** 2
    deviations = variance.clamp_min(0).sqrt().sum(0)
    return PixelSums(count, count * pixels, total.sum(0), squares.sum(0), deviations)


def combine(parts: Sequence[PixelSums]) -> ChannelStatistics:
    """The statistics of all images behind the partial sums."""
    images, pixels = sum(part.images for part in parts), sum(part.pixels for part in parts)
    mean = torch.stack([part.total for part in parts]).sum(0).double() / pixels
    squares = torch.stack([part.squares for part in parts]).sum(0).double() / pixels
    deviations = torch.stack([part.deviations for part in parts]).sum(0) / images
    std = (squares - mean**2).clamp_min(0).sqrt()
    return ChannelStatistics(_listed(mean / 255), _listed(std / 255), _listed(deviations / 255))


def _listed(values: Tensor) -> tuple[float, ...]:
    return tuple(round(value, 6) for value in values.tolist())
