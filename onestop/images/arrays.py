"""Conversion of numpy arrays and torch tensors to uint8 images [N, H, W, C].

Legend: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.errors import BadImageError
from onestop.images.eight_bits import all_finite, to_8_bits
from onestop.images.pixel_range import (
    NOTICED,
    PixelRange,
    remark_8_bit,
    remark_outside,
    suits_8_bits,
)

Pixels: TypeAlias = NDArray[np.uint8]


def image_array(
    image: Any, pixel_range: PixelRange = "full", remark: Callable[[str], None] | None = None
) -> Pixels:
    """Convert one image from numpy or torch to uint8 [H, W, C]; see `images_array`.

    `remark` is called with what is unusual about its values.
    """
    stack = one_image(image)
    pixels, outside = in_8_bits(stack, pixel_range)
    if remark and stack.dtype == np.uint8 and not suits_8_bits(pixel_range):
        remark(remark_8_bit(pixel_range))
    if remark and outside[0] > NOTICED:
        remark(remark_outside(float(outside[0]), pixel_range))
    single: Pixels = pixels[0]
    return single


def images_array(images: Any, pixel_range: PixelRange = "full") -> Pixels:
    """Convert images from numpy or torch to uint8 [N, H, W, C].

    Accepts [N, H, W], [N, H, W, C] and torch's [N, C, H, W] with 1, 3 or 4 channels: uint8, booleans,
    or other numbers, of which the pixel range says what is black and white. Under the range `full`
    these are integers in 0..255 or floats in 0..1.

    Raises:
        BadImageError: Any other shape or type, or values out of the full range.
    """
    return in_8_bits(image_stack(images), pixel_range)[0]


def one_image(image: Any) -> NDArray[Any]:
    """One image as [1, H, W, C]; see `image_stack`."""
    array = np.asarray(image)
    if array.ndim == 4 and len(array) != 1:
        raise BadImageError(f"shape {array.shape}: holds {len(array)} images; pass them one by one")
    return image_stack(array[None] if array.ndim in (2, 3) else array)


def image_stack(images: Any) -> NDArray[Any]:
    """Images as [N, H, W, C] with their values as they are; booleans become 0 and 255.

    Raises:
        BadImageError: Not the shape of images, or values that are no numbers, NaN or infinite.
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
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind not in "iuf":
        raise BadImageError(f"values of type {array.dtype} are not pixels; pass uint8 or floats")
    if not all_finite(array):
        raise BadImageError("has pixels that are NaN or infinite")
    return np.ascontiguousarray(array)


def in_8_bits(images: NDArray[Any], pixel_range: PixelRange) -> tuple[Pixels, NDArray[np.float64]]:
    """Images [N, H, W, C] as uint8, and the share of each image's values that was clipped, [N].

    uint8 is left as it is. An alpha channel has a scale of its own.

    Raises:
        BadImageError: Under the range `full`, values that do not fit it.
    """
    shares = np.zeros(len(images))
    if images.dtype == np.uint8:
        return images, shares
    low, high = _full_scale(images) if isinstance(pixel_range, str) else pixel_range
    colour = images[..., :3]
    pixels, outside = to_8_bits(colour, low, high)
    if outside:
        shares = ((colour < low) | (colour > high)).mean((1, 2, 3))
    if images.shape[-1] == 4:
        alpha, _ = to_8_bits(images[..., 3:], 0, _opaque(images, high))
        pixels = np.concatenate([pixels, alpha], -1)
    return pixels, shares


def _full_scale(images: NDArray[Any]) -> tuple[float, float]:
    lowest, highest = (images.min(), images.max()) if images.size else (0, 0)
    if lowest < 0:
        cause = ", as a transform such as Normalize makes them" if images.dtype.kind == "f" else ""
        raise BadImageError(f"has pixels that are negative (down to {lowest:.3g}){cause}; {_WAY}")
    if images.dtype.kind == "f":
        if highest > 1:
            raise BadImageError(f"floats must be in 0..1, not {highest:g}; {_WAY}")
        return 0.0, 1.0
    if highest > 255:
        raise BadImageError(f"integers must be in 0..255, not {highest}; {_WAY}")
    return 0.0, 255.0


_WAY = "scale them, or train with a pixel range"


def _opaque(images: NDArray[Any], high: float) -> float:
    """The alpha of opaque pixels: 1 in floats, else 255 or what the values need beyond that."""
    if images.dtype.kind == "f":
        return 1.0
    return next((top for top in (255.0, 65535.0) if high <= top), 2.0**32 - 1)
