"""From values of any type to 8 bits.

Everything works in strips, so that a large image needs little more memory than its result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRIP = 2**17  # values converted at once: 1 MiB as float64
_SLACK = 1e-6  # grey levels: rounding errors of the multiplication are no clipping


def all_finite(values: NDArray[Any]) -> bool:
    """Whether no value is NaN or infinite."""
    if values.dtype.kind != "f":
        return True
    flat = values.reshape(-1)
    return all(np.isfinite(flat[i : i + _STRIP]).all() for i in range(0, len(flat), _STRIP))


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
