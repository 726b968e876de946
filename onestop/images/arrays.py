"""Conversion of numpy arrays and torch tensors to uint8 images [N, H, W, C].

Legend: N images, H height, W width, C channels.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.errors import BadImageError

Pixels: TypeAlias = NDArray[np.uint8]


def image_array(image: Any) -> Pixels:
    """Convert one image from numpy or torch to uint8 [H, W, C]; see `images_array`."""
    array = np.asarray(image)
    if array.ndim == 4 and len(array) != 1:
        raise BadImageError(f"shape {array.shape}: holds {len(array)} images; pass them one by one")
    pixels: Pixels = images_array(array[None] if array.ndim in (2, 3) else array)[0]
    return pixels


def images_array(images: Any) -> Pixels:
    """Convert images from numpy or torch to uint8 [N, H, W, C].

    Accepts [N, H, W], [N, H, W, C] and torch's [N, C, H, W] with 1, 3 or 4 channels: integers in
    0..255 or floats in 0..1.

    Raises:
        BadImageError: Any other shape or type, or values out of range.
    """
    array: NDArray[Any] = np.asarray(images)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4:
        raise BadImageError(
            f"shape {array.shape} is not an image; pass [H, W], [H, W, C] or [C, H, W]"
        )
    if 0 in array.shape[1:]:
        raise BadImageError(f"shape {array.shape[1:]}: holds no pixels")
    if array.shape[-1] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.shape[-1] not in (1, 3, 4):
        raise BadImageError(f"shape {array.shape}: an image has 1, 3 or 4 channels")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind not in "iuf":
        raise BadImageError(f"values of type {array.dtype} are not pixels; pass uint8 or floats")
    if array.size and not (np.isfinite(array).all() and array.min() >= 0):
        raise BadImageError(_out_of_range(array))
    highest = array.max() if array.size else 0
    if array.dtype.kind == "f":
        if highest > 1:
            raise BadImageError(f"floats must be in 0..1, not {highest:g}; scale them")
        pixels: Pixels = (array * 255.0).round().astype(np.uint8)
        return pixels
    if highest > 255:
        raise BadImageError(f"integers must be in 0..255, not {highest}; scale them")
    return array.astype(np.uint8)


def _out_of_range(array: NDArray[Any]) -> str:
    """Why pixels that are negative or not numbers are none, and what makes them so."""
    if not np.isfinite(array).all():
        return "has pixels that are NaN or infinite"
    if array.dtype.kind == "f":
        return (
            f"has pixels that are negative (down to {array.min():.3g}), as a transform such as "
            "Normalize makes them; leave it out, images are normalised later"
        )
    return f"has pixels that are negative (down to {array.min()})"
