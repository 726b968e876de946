"""Colour jitter: brightness, contrast, saturation and hue in one affine map per image.

Each of the four is affine in a pixel's colour, and so is their composition: a matrix and an offset per
image (Haeberli 1993, "Matrix operations for image processing",
http://www.graficaobscura.com/matrix/index.html). All four together cost as much as one, and values are
rounded and clipped to 0 ... 255 only once, at the end.

Legend: B images in a batch, C channels, h and w height and width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Factors = NDArray[np.float64]
"""One factor per image, [B]."""

HUE_SHARE = 0.25
"""Largest hue shift at a strength of 1, as a fraction of the colour circle; its ratio to the others is
that of SimCLR (Chen et al. 2020, appendix A, https://arxiv.org/abs/2002.05709)."""
JITTER_DRAWS = 4
"""Random numbers per image used by `jittered`."""

_LUMA = (0.299, 0.587, 0.114)  # grey of red, green and blue (ITU-R BT.601, as in Pillow)
_YIQ: NDArray[np.float64] = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""From RGB to luma and two chroma components whose angle is the hue (NTSC)."""
_RGB = np.linalg.inv(_YIQ).astype(np.float64)


def jittered(images: Tensor, strength: float, draws: Factors) -> Tensor:
    """Jitter the colours of images uint8 [B, C, h, w] at random by up to `strength`.

    Brightness, contrast and saturation are each multiplied by 1-strength ... 1+strength; the hue is
    shifted either way by up to a quarter of `strength`, as a fraction of the circle.

    Args:
        images: 1 (grey), 3 (RGB) or 4 channels (RGB and alpha, which is kept); not modified.
        strength: 0 to 1.
        draws: [B, 4] in [0, 1).
    """
    change = strength * (2 * draws - 1)
    brightness, contrast, saturation = (1 + change[:, :3]).T
    return recolored(images, brightness, contrast, saturation, HUE_SHARE * change[:, 3])


def recolored(
    images: Tensor,
    brightness: Factors | float = 1.0,
    contrast: Factors | float = 1.0,
    saturation: Factors | float = 1.0,
    turn: Factors | float = 0.0,
) -> Tensor:
    """Adjust brightness, contrast, saturation and hue of images uint8 [B, C, h, w], in this order.

    Args:
        images: 1, 3 or 4 channels; alpha is not changed. Grey has neither saturation nor hue.
        brightness: Factor on every value.
        contrast: Factor on the distance from the image's mean grey.
        saturation: Factor on the distance from the pixel's own grey.
        turn: Hue shift as a fraction of the circle; preserves grey.
    """
    count = len(images)
    brightnesses, contrasts, saturations, turns = (
        np.broadcast_to(np.asarray(f, np.float64), count)
        for f in (brightness, contrast, saturation, turn)
    )
    mean = _mean_grey(images)
    offset = _on(brightnesses * (1 - contrasts), images) * mean
    if images.shape[1] == 1:
        changed = images * _on(brightnesses * contrasts, images)[:, None, None, None]
        return _bytes(changed.add_(offset[:, None, None, None]))
    matrix = _hue(turns) @ _saturation(saturations) * (brightnesses * contrasts)[:, None, None]
    planes = [_bytes(plane) for plane in _mapped(images, _on(matrix, images), offset)]
    return torch.stack([*planes, *images[:, 3:].unbind(1)], dim=1)


def _mapped(images: Tensor, matrix: Tensor, offset: Tensor) -> list[Tensor]:
    """Planes [B, h, w] of the new red, green and blue.

    Written out because the rounding of a matrix product may depend on the batch size.
    """
    red, green, blue = images[:, :3].float().unbind(1)
    rows = matrix[..., None, None].unbind(1)  # three of [B, 3, 1, 1]
    return [
        (red * row[:, 0]).add_(green * row[:, 1]).add_(blue * row[:, 2]).add_(offset[:, None, None])
        for row in rows
    ]


def _mean_grey(images: Tensor) -> Tensor:
    """The mean grey of each image, [B]; exact, since it is computed from integer sums."""
    pixels = images.shape[-2] * images.shape[-1]
    means = images[:, :3].sum((-2, -1)).float() / pixels
    if images.shape[1] == 1:
        return means[:, 0]
    red, green, blue = means.unbind(1)
    return (red * _LUMA[0]).add_(green * _LUMA[1]).add_(blue * _LUMA[2])


def _saturation(factor: Factors) -> NDArray[np.float64]:
    """Matrices [B, 3, 3] that interpolate between a pixel's grey (0) and its colour (1)."""
    weight = factor[:, None, None]
    matrices: NDArray[np.float64] = weight * np.eye(3) + (1 - weight) * _YIQ[0]
    return matrices


def _hue(turn: Factors) -> NDArray[np.float64]:
    """Matrices [B, 3, 3] that rotate colours about the grey axis."""
    angle = 2 * np.pi * turn
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation: NDArray[np.float64] = np.zeros((len(turn), 3, 3))
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1], rotation[:, 1, 2] = cosine, -sine
    rotation[:, 2, 1], rotation[:, 2, 2] = sine, cosine
    matrices: NDArray[np.float64] = _RGB @ rotation @ _YIQ
    return matrices


def _on(values: NDArray[np.float64], images: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(images.device)


def _bytes(values: Tensor) -> Tensor:
    return values.round_().clamp_(0, 255).to(torch.uint8)
