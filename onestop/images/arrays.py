"""Images given in memory, by numpy or torch, as arrays [N, H, W, C] of uint8.

Legend: N images, H height, W width, C channels.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.errors import BadImageError

Pixels: TypeAlias = NDArray[np.uint8]


def image_array(image: Any) -> Pixels:
    """One image of numpy or torch as [H, W, C] of uint8; see `images_array`."""
    array = np.asarray(image)
    pixels: Pixels = images_array(array[None] if array.ndim in (2, 3) else array)[0]
    return pixels


def images_array(images: Any) -> Pixels:
    """Images of numpy or torch as [N, H, W, C] of uint8.

    Taken are [N, H, W], [N, H, W, C] and, as torch has them, [N, C, H, W], with C of 1, 3 or 4:
    whole numbers of 0..255, or fractions of 0..1.

    Raises:
        BadImageError: Any other shape or type, or values that are not in range.
    """
    array: NDArray[Any] = np.asarray(images)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4:
        raise BadImageError(
            f"shape {array.shape} is no image's; give [H, W], [H, W, C] or [C, H, W]"
        )
    if array.shape[-1] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.shape[-1] not in (1, 3, 4):
        raise BadImageError(f"shape {array.shape}: an image has 1, 3 or 4 channels")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind not in "iuf":
        raise BadImageError(f"values of type {array.dtype} are no pixels")
    if array.size and not (np.isfinite(array).all() and array.min() >= 0):
        raise BadImageError("has negative pixels, or ones that are not numbers")
    highest = array.max() if array.size else 0
    if array.dtype.kind == "f":
        if highest > 1:
            raise BadImageError(f"fractions must be in 0..1, found {highest:g}; divide by the top")
        pixels: Pixels = (array * 255.0).round().astype(np.uint8)
        return pixels
    if highest > 255:
        raise BadImageError(f"whole numbers must be in 0..255, found {highest}; scale them")
    return array.astype(np.uint8)
