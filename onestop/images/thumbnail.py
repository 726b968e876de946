"""Thumbnails for display.

Legend: H and W height and width, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from onestop.images.pillow import Pixels

_SIDE = 192  # pixels


def small(pixels: Pixels) -> Pixels:
    """Shrink an image [H, W, C] until its longer side is at most 192 pixels."""
    if max(pixels.shape[:2]) <= _SIDE:
        return pixels
    image = picture_of(pixels)
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    array: Pixels = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def picture_of(pixels: Pixels) -> Image.Image:
    """Pixels [H, W, C] as a Pillow image, grey or RGB; an alpha channel is ignored."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3])
