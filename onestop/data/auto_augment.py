"""TrivialAugment and RandAugment: operations picked at random per image.

TrivialAugment "wide" applies one operation of random magnitude (Müller and Hutter 2021,
https://arxiv.org/abs/2103.10158); RandAugment applies two of magnitude 9 of 30 (Cubuk et al. 2019,
https://arxiv.org/abs/1909.13719). Operations and magnitudes are those of torchvision's
`TrivialAugmentWide` and `RandAugment`; pixels from outside the image are black. All images with the
same operation are processed in one call, each with its own magnitude, which torchvision's kernels
cannot do; the operations without a magnitude are torchvision's.

Legend: B images in a batch, n of them with the same operation, C channels, h and w height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.colors import recolored

if TYPE_CHECKING:
    from onestop.recipe import AutoAugment

Sizes = NDArray[np.float64]
"""Magnitude per image, [n]."""
Kernel: TypeAlias = Callable[[Tensor, Sizes], Tensor]
"""An operation on images uint8 [n, C, h, w] with magnitudes [n]."""

_LARGEST = 30  # magnitudes are 0 to 30, as published
_RAND_SIZE = 9
_ROUNDS = {"none": 0, "trivial": 1, "rand": 2}
AUTO_DRAWS = {policy: 3 * rounds for policy, rounds in _ROUNDS.items()}
"""Random numbers per image used by `auto_augmented`: kind, magnitude and sign of each operation."""


def auto_augmented(images: Tensor, policy: AutoAugment, draws: NDArray[np.float64]) -> Tensor:
    """Apply the policy to images uint8 [B, C, h, w].

    Args:
        images: Not modified.
        policy: `trivial` or `rand`.
        draws: [B, `AUTO_DRAWS[policy]`] in [0, 1).
    """
    for round_ in range(_ROUNDS[policy]):
        images = _changed(images, policy, draws[:, 3 * round_ : 3 * round_ + 3])
    return images


def _changed(images: Tensor, policy: AutoAugment, draws: Sizes) -> Tensor:
    """One operation per image; kind, magnitude and sign come from draws [B, 3]."""
    changes = space(policy, *images.shape[-2:])
    kinds = (draws[:, 0] * len(changes)).astype(np.int64)
    share = np.floor(draws[:, 1] * (_LARGEST + 1)) / _LARGEST
    if policy == "rand":
        share = np.full(len(images), _RAND_SIZE / _LARGEST)
    sign = np.where(draws[:, 2] < 0.5, -1.0, 1.0)
    images = images.clone()
    for kind, (kernel, largest, signed) in enumerate(changes):
        indices = np.flatnonzero(kinds == kind)
        if len(indices):
            rows = torch.from_numpy(indices).to(images.device)
            sizes = largest * share[indices] * (sign[indices] if signed else 1.0)
            images[rows] = kernel(images[rows], sizes)
    return images


def space(policy: AutoAugment, height: int, width: int) -> list[tuple[Kernel, float, bool]]:
    """The operations of a policy: kernel, largest magnitude, and whether the sign is random."""
    if policy == "trivial":
        shear, across, down, angle, factor, bits = 0.99, 32.0, 32.0, 135.0, 0.99, 6.0
    else:
        across, down = 150 / 331 * width, 150 / 331 * height
        shear, angle, factor, bits = 0.3, 30.0, 0.9, 4.0
    return [
        (lambda images, _: images, 0.0, False),
        (_sheared_across, shear, True),
        (_sheared_down, shear, True),
        (_moved_across, across, True),
        (_moved_down, down, True),
        (_turned, angle, True),
        (lambda images, by: recolored(images, brightness=1 + by), factor, True),
        (lambda images, by: recolored(images, saturation=1 + by), factor, True),
        (lambda images, by: recolored(images, contrast=1 + by), factor, True),
        (_sharpened, factor, True),
        (_posterized, bits, False),
        (_solarized, 255.0, False),
        (_with_full_contrast, 0.0, False),
        (_equalized, 0.0, False),
    ]


# --- geometry ---


def _sheared_across(images: Tensor, by: Sizes) -> Tensor:
    """Shift each row by `by` pixels more than the one above it, about the upper left corner."""
    return _taken_from(images, across=(1.0, by, by * images.shape[-2] / 2))


def _sheared_down(images: Tensor, by: Sizes) -> Tensor:
    return _taken_from(images, down=(by, 1.0, by * images.shape[-1] / 2))


def _moved_across(images: Tensor, pixels: Sizes) -> Tensor:
    return _taken_from(images, across=(1.0, 0.0, -np.trunc(pixels)))


def _moved_down(images: Tensor, pixels: Sizes) -> Tensor:
    return _taken_from(images, down=(0.0, 1.0, -np.trunc(pixels)))


def _turned(images: Tensor, degrees: Sizes) -> Tensor:
    """Rotate counter-clockwise about the centre."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return _taken_from(images, across=(cosine, -sine, 0.0), down=(sine, cosine, 0.0))


_Row: TypeAlias = tuple[Sizes | float, Sizes | float, Sizes | float]


def _taken_from(images: Tensor, across: _Row = (1, 0, 0), down: _Row = (0, 1, 0)) -> Tensor:
    """Nearest-neighbour affine sampling, with coordinates (x, y) relative to the centre.

    The source column is across[0] x + across[1] y + across[2], the source row likewise with `down`.
    Black outside the image.
    """
    count, channels, height, width = images.shape
    x = torch.arange(width, device=images.device) - (width - 1) / 2  # [w]
    y = (torch.arange(height, device=images.device) - (height - 1) / 2)[:, None]  # [h, 1]

    def nearest(row: _Row, side: int) -> Tensor:
        a, b, c = (_column(part, count, images) for part in row)
        return (a * x + b * y + (c + (side - 1) / 2)).round_().long()  # [n, h, w]

    column, line = nearest(across, width), nearest(down, height)
    inside = (column >= 0) & (column < width) & (line >= 0) & (line < height)
    source = (line.clamp_(0, height - 1) * width).add_(column.clamp_(0, width - 1))
    pixels = images.flatten(2).gather(2, source.view(count, 1, -1).expand(-1, channels, -1))
    return pixels.view_as(images) * inside[:, None]


def _column(values: Sizes | float, count: int, images: Tensor) -> Tensor:
    """Values as [n, 1, 1] on the device of the images."""
    full = np.broadcast_to(np.asarray(values, np.float32), count).copy()
    return torch.from_numpy(full).to(images.device)[:, None, None]


# --- colours; an alpha channel is left unchanged ---


def _sharpened(images: Tensor, by: Sizes) -> Tensor:
    """Move away from (above 0) or towards (below 0) the blurred image."""
    from torchvision.transforms.v2.functional import adjust_sharpness_image

    colours = images[:, :3]
    blurred = adjust_sharpness_image(colours, 0.0)
    more = _column(by, len(images), images)[:, None]
    sharp = (colours.float() - blurred).mul_(more).add_(colours)
    return _with_alpha(sharp.round_().clamp_(0, 255).to(torch.uint8), images)


def _posterized(images: Tensor, bits: Sizes) -> Tensor:
    """Clear the lowest bits."""
    masks = torch.from_numpy((256 - 2 ** np.rint(bits)).astype(np.uint8)).to(images.device)
    return _with_alpha(images[:, :3] & masks[:, None, None, None], images)


def _solarized(images: Tensor, by: Sizes) -> Tensor:
    """Invert pixels brighter than 255 - by."""
    colours, threshold = images[:, :3], _column(255 - by, len(images), images)[:, None]
    return _with_alpha(torch.where(colours >= threshold, 255 - colours, colours), images)


def _with_full_contrast(images: Tensor, _: Sizes) -> Tensor:
    """Stretch each channel over 0 ... 255."""
    from torchvision.transforms.v2.functional import autocontrast_image

    return _with_alpha(autocontrast_image(images[:, :3]), images)


def _equalized(images: Tensor, _: Sizes) -> Tensor:
    """Equalise the histogram of each channel."""
    from torchvision.transforms.v2.functional import equalize_image

    return _with_alpha(equalize_image(images[:, :3]), images)


def _with_alpha(colours: Tensor, images: Tensor) -> Tensor:
    return torch.cat([colours, images[:, 3:]], dim=1) if images.shape[1] == 4 else colours
