"""From one number of channels to another.

Legend: C channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def to_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Convert pixels [..., C] to another number of channels, by the rules of `images.decode.decode`."""
    current = images.shape[-1]
    if current == channels:
        return images
    if current == 4 and channels != 4:
        colour, alpha = images[..., :3].astype(np.uint32), images[..., 3:].astype(np.uint32)
        images = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        current = 3
    if channels == 1 and current == 3:
        # ITU-R 601-2 luma in fixed point, as Pillow's "L" computes it.
        weights = np.array([19595, 38470, 7471], dtype=np.uint32)
        return ((images @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]
    rgb = np.repeat(images, 3, axis=-1) if current == 1 else images
    if channels == 4:
        return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=-1)
    return rgb
