"""Types of settings whose text needs more than a limit."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from onestop.images.pixel_range import parsed, text_of


def _canonical(value: object) -> str:
    return text_of(parsed(value))


PixelRangeText = Annotated[str, BeforeValidator(_canonical)]
"""`LO,HI` or `full`; from Python also a pair of numbers. See `onestop.images.pixel_range`."""
