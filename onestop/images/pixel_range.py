"""The pixel range: which values are black and white in images of more than 8 bits.

Images of 8 bits have a scale of their own, 0 to 255, and are never changed. Of all others (16 bits, 32
bits, floats) a file does not say what is white: a 12-bit camera stores 0 to 4,095 in 16 bits. So there
is one range for a data set, found over its training images (`onestop/data/pixel_values.py`), stored
with the model's preprocessing, and applied before anything is rounded (`onestop/images/eight_bits.py`).
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

PixelRange: TypeAlias = tuple[float, float] | Literal["full", "image"]
"""Black and white, (low, high); `full`, the full scale of the type: 65,535 for integers, 1 for floats;
or `image`, decided image by image, for model files that were written before there was a range."""

NOTICED = 0.01
"""Share of an image's values outside the range above which it is mentioned."""
NARROW = 0.1
"""Share of the full scale below which it is mentioned that an image fills no more."""


def parsed(value: object) -> PixelRange:
    """A pixel range from text (`LO,HI`, `full`) or a pair of numbers.

    Raises:
        ValueError: Neither, or not two finite numbers of which the first is smaller.
    """
    if isinstance(value, str) and value.strip() in ("full", "image"):
        return "full" if value.strip() == "full" else "image"
    parts = value.split(",") if isinstance(value, str) else value
    try:
        low, high = (float(part) for part in parts)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError("give LO,HI (the values that become black and white) or full") from None
    if not is_possible((low, high)):
        raise ValueError("LO must be smaller than HI, and both must be finite numbers")
    return low, high


def is_possible(pixel_range: PixelRange) -> bool:
    """Whether a range is finite and not empty."""
    if isinstance(pixel_range, str):
        return True
    low, high = pixel_range
    return math.isfinite(low) and math.isfinite(high - low) and low < high


def text_of(pixel_range: PixelRange) -> str:
    """The range as flags and recipes have it: `0,4095`; `parsed` gives the same range back.

    >>> text_of((1380.0, 1742.5)), text_of("full")
    ('1380,1742.5', 'full')
    """
    return pixel_range if isinstance(pixel_range, str) else ",".join(map(number, pixel_range))


def canonical(value: object) -> str:
    """The text of a range that is given as text or as a pair of numbers; raises a `ValueError`."""
    return text_of(parsed(value))


def number(value: float) -> str:
    """A value without a needless decimal point."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


def remark_outside(share: float, pixel_range: PixelRange) -> str:
    """What is said of an image that is clipped; see `is_about_range`."""
    return f"{share:.0%} of its values lie {_OUTSIDE} {text_of(pixel_range)} and are clipped"


def remark_8_bit(pixel_range: PixelRange) -> str:
    """What is said of an image of 8 bits where a model expects deeper ones; see `is_about_range`."""
    return f"has 8 bits, so that 0 to 255 {_STANDS} {text_of(pixel_range)}"


def remark_narrow(low: float, high: float, white: float) -> str:
    """What is said of an image that fills little of the full scale; see `is_about_range`."""
    return (
        f"has values from {low:,.6g} to {high:,.6g} only, {_OF_FULL} 0 to {white:,.0f}, on which it "
        "is nearly of one grey"
    )


def is_about_range(remark: str) -> bool:
    """Whether a remark on an image is about its values rather than about damage."""
    return any(words in remark for words in (_OUTSIDE, _STANDS, _OF_FULL))


_OUTSIDE = "outside the pixel range"
_STANDS = "stands for the pixel range"
_OF_FULL = "of the full scale"


def suits_8_bits(pixel_range: PixelRange) -> bool:
    """Whether images of 8 bits mean the same under a range: it is the full scale of some type."""
    return isinstance(pixel_range, str) or pixel_range in ((0, 1), (0, 255), (0, 65535))
