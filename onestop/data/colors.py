"""Brightness, contrast, saturation and hue of images, all in one affine function of their colours.

Each of the four is linear in a pixel's colour, and so is their composition: a matrix and an offset an
image (Haeberli 1993, "Matrix operations for image processing",
http://www.graficaobscura.com/matrix/index.html). So they cost as much together as one alone, and a
value is rounded and cut to 0 ... 255 only once, at the end.

Legend: B images of a batch, C channels, h and w height and width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Factors = NDArray[np.float64]
"""A number an image, [B]."""

HUE_SHARE = 0.25
"""Largest turn of the hue, as a part of the colour circle, at a strength of 1; the proportion of the
others to it is that of SimCLR (Chen et al. 2020, appendix A, https://arxiv.org/abs/2002.05709)."""
JITTER_DRAWS = 4
"""Random numbers an image that `jittered` takes."""

_LUMA = (0.299, 0.587, 0.114)  # grey of red, green and blue (ITU-R BT.601, as in Pillow)
_YIQ: NDArray[np.float64] = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""From red, green and blue to luma and two numbers that say the hue by their angle (NTSC)."""
_RGB = np.linalg.inv(_YIQ).astype(np.float64)


def jittered(images: Tensor, strength: float, draws: Factors) -> Tensor:
    """Images uint8 [B, C, h, w] with other colours, each at random by up to `strength`.

    Brightness, contrast and saturation are multiplied by 1-strength ... 1+strength each, and the hue
    is turned by up to a quarter of `strength`, as a part of the circle, either way.

    Args:
        images: 1 (grey), 3 (colour) or 4 channels (colour and alpha, which stays); not changed.
        strength: 0 to 1.
        draws: [B, 4] in [0, 1).
    """
    way = strength * (2 * draws - 1)
    brightness, contrast, saturation = (1 + way[:, :3]).T
    return recolored(images, brightness, contrast, saturation, HUE_SHARE * way[:, 3])


def recolored(
    images: Tensor,
    brightness: Factors | float = 1.0,
    contrast: Factors | float = 1.0,
    saturation: Factors | float = 1.0,
    turn: Factors | float = 0.0,
) -> Tensor:
    """Images uint8 [B, C, h, w] with other colours, in this order of changes.

    Args:
        images: 1, 3 or 4 channels; of the fourth nothing is changed. Grey has neither saturation nor
            hue.
        brightness: What every value is multiplied by.
        contrast: What the distance from the image's mean grey is multiplied by.
        saturation: What the distance from the pixel's own grey is multiplied by.
        turn: Turn of the hue, as a part of the circle; grey, and the grey of a colour, stay.
    """
    count = len(images)
    light, hard, colour, turned = (
        np.broadcast_to(np.asarray(f, np.float64), count)
        for f in (brightness, contrast, saturation, turn)
    )
    mean = _mean_grey(images)
    offset = _on(light * (1 - hard), images) * mean
    if images.shape[1] == 1:
        changed = images * _on(light * hard, images)[:, None, None, None]
        return _bytes(changed.add_(offset[:, None, None, None]))
    matrix = _hue(turned) @ _saturation(colour) * (light * hard)[:, None, None]
    parts = [_bytes(plane) for plane in _mapped(images, _on(matrix, images), offset)]
    return torch.stack([*parts, *images[:, 3:].unbind(1)], dim=1)


def _mapped(images: Tensor, matrix: Tensor, offset: Tensor) -> list[Tensor]:
    """Planes [B, h, w] of the new red, green and blue.

    Written out instead of a product of matrices, whose rounding may depend on the batch's size.
    """
    red, green, blue = images[:, :3].float().unbind(1)
    rows = matrix[..., None, None].unbind(1)  # three of [B, 3, 1, 1]
    return [
        (red * row[:, 0]).add_(green * row[:, 1]).add_(blue * row[:, 2]).add_(offset[:, None, None])
        for row in rows
    ]


def _mean_grey(images: Tensor) -> Tensor:
    """The mean over the pixels of each image's grey, [B]; from sums of whole numbers, so exact."""
    pixels = images.shape[-2] * images.shape[-1]
    means = images[:, :3].sum((-2, -1)).float() / pixels
    if images.shape[1] == 1:
        return means[:, 0]
    red, green, blue = means.unbind(1)
    return (red * _LUMA[0]).add_(green * _LUMA[1]).add_(blue * _LUMA[2])


def _saturation(factor: Factors) -> NDArray[np.float64]:
    """Matrices [B, 3, 3] between a pixel's colour (1) and its grey (0)."""
    weight = factor[:, None, None]
    matrices: NDArray[np.float64] = weight * np.eye(3) + (1 - weight) * _YIQ[0]
    return matrices


def _hue(turn: Factors) -> NDArray[np.float64]:
    """Matrices [B, 3, 3] that turn colours about the grey axis."""
    angle = 2 * np.pi * turn
    cosine, sine = np.cos(angle), np.sin(angle)
    turning: NDArray[np.float64] = np.zeros((len(turn), 3, 3))
    turning[:, 0, 0] = 1
    turning[:, 1, 1], turning[:, 1, 2] = cosine, -sine
    turning[:, 2, 1], turning[:, 2, 2] = sine, cosine
    matrices: NDArray[np.float64] = _RGB @ turning @ _YIQ
    return matrices


def _on(values: NDArray[np.float64], images: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(images.device)


def _bytes(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8)
