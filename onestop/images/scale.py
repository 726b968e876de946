"""Black and white for one image, where no pixel range of a data set says it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.errors import BadImageError
from onestop.images.pixel_range import NOTICED, PixelRange

_WHITE_16 = 65535.0


def bounds(pixel_range: PixelRange, parts: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Black and white for one image, given in parts.

    Raises:
        BadImageError: The full scale is asked for, and the values do not fit it.
    """
    if not isinstance(pixel_range, str):
        return pixel_range
    low, high, kind, count, outside = math.inf, -math.inf, np.dtype(float), 0, 0
    for part in parts:
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
