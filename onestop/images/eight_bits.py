"""From values of any type to 8 bits, by a pixel range.

Everything works in strips or parts, so that a large image needs little more memory than its result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.errors import BadImageError
from onestop.images.pixel_range import NOTICED, PixelRange

_STRIP = 2**17  # values converted at once: 1 MiB as float64
_WHITE_16 = 65535.0
_SLACK = 1e-6  # grey levels: rounding errors of the multiplication are no clipping


def bounds(pixel_range: PixelRange, parts: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Black and white for one image, given in parts.

    Raises:
        BadImageError: The full scale is asked for, and the values do not fit it.
    """
    if not isinstance(pixel_range, str):
        return pixel_range
    low, high, kind, count, outside = math.inf, -math.inf, np.dtype(float), 0, 0
    for part in parts:
        require_finite(part)
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        kind, count = part.dtype, count + part.size
        outside += int(np.count_nonzero((part < 0) | (part > 1)))
    if pixel_range == "image":
        return _own_scale(low, high, kind)
    if kind.kind == "f":
        if outside > NOTICED * count:
            raise BadImageError(f"floats {low:g} to {high:g}, and the pixel range is 0,1; {_WAY}")
        return 0.0, 1.0
    white = 127.0 if kind == np.int8 else _WHITE_16
    if low < 0 or high > white:
        text = f"values {low:.0f} to {high:.0f}, and the pixel range is 0,{white:.0f}; {_WAY}"
        raise BadImageError(text)
    return 0.0, white


_WAY = "scale them, or train with --pixel-range LO,HI"


def _own_scale(low: float, high: float, kind: np.dtype[Any]) -> tuple[float, float]:
    """How images were scaled one by one: the smallest usual scale, else from darkest to brightest."""
    if kind.kind == "f":
        top = 1.0 if high <= 1 else 255.0 if high <= 255 else _WHITE_16
    else:
        top = _WHITE_16 if high <= _WHITE_16 else 2.0**31 - 1
    if low < 0 or high > top:
        return low, low + max(high - low, 1e-12)
    return 0.0, top


def require_finite(values: NDArray[Any]) -> None:
    """Raises a `BadImageError` if some value is NaN or infinite."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise BadImageError("has pixels that are NaN or infinite")


def to_8_bits(values: NDArray[Any], low: float, high: float) -> tuple[NDArray[np.uint8], int]:
    """Values mapped from low..high to 0..255, rounded; and how many lay outside and were clipped.

    Works in strips, so that it needs one byte per value and a megabyte.
    """
    flat = values.reshape(-1)
    pixels, outside = np.empty(flat.shape, np.uint8), 0
    factor = 255.0 / (high - low)
    for start in range(0, len(flat), _STRIP):
        strip = flat[start : start + _STRIP].astype(np.float64)
        strip -= low
        strip *= factor
        outside += int(np.count_nonzero((strip < -_SLACK) | (strip > 255 + _SLACK)))
        np.rint(strip, out=strip)
        pixels[start : start + _STRIP] = np.clip(strip, 0, 255, out=strip)
    return pixels.reshape(values.shape), outside
