"""Conversion of an image strip by strip, so that no further copy of all its pixels is ever made.

Each pixel is converted on its own, so the result does not depend on where an image is cut.

Legend: H and W height and width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Turn: TypeAlias = Image.Transpose

STRIP = 2**20
"""Pixels of a strip. Most images that people train on are one strip."""

_SIDEWAYS = (Turn.TRANSPOSE, Turn.ROTATE_90, Turn.ROTATE_270, Turn.TRANSVERSE)
# The turns that put the first row last.
_BACKWARDS = (Turn.ROTATE_180, Turn.FLIP_TOP_BOTTOM, Turn.ROTATE_270, Turn.TRANSVERSE)


def in_strips(
    image: Image.Image | NDArray[np.uint8],
    turn: Turn | None,
    channels: int,
    convert: Callable[[Image.Image, int], Image.Image],
) -> NDArray[np.uint8]:
    """Convert and turn an image.

    Args:
        image: A Pillow image whose pixels are loaded, or uint8 [H, W, 3].
        turn: Is applied after the conversion; None is upright already.
        channels: Of the result.
        convert: Converts an image of any height to one of 8 bits with `channels`.

    Returns:
        uint8 [H, W, channels], or [W, H, channels] if the turn is sideways.
    """
    height, width = image.shape[:2] if isinstance(image, np.ndarray) else image.size[::-1]
    rows = max(1, STRIP // width)
    if rows >= height:
        return _turned(convert(_cut(image, 0, height), channels), turn, channels)
    shape = (width, height) if turn in _SIDEWAYS else (height, width)
    pixels = np.empty((*shape, channels), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = convert(_cut(image, top, bottom), channels)
        place = slice(height - bottom, height - top) if turn in _BACKWARDS else slice(top, bottom)
        part = pixels[:, place] if turn in _SIDEWAYS else pixels[place]
        part[...] = _turned(strip, turn, channels)
    return pixels


def _cut(image: Image.Image | NDArray[np.uint8], top: int, bottom: int) -> Image.Image:
    if isinstance(image, np.ndarray):
        return Image.fromarray(image[top:bottom])
    whole = bottom - top == image.height
    return image if whole else image.crop((0, top, image.width, bottom))


def _turned(image: Image.Image, turn: Turn | None, channels: int) -> NDArray[np.uint8]:
    array = np.array(image if turn is None else image.transpose(turn))
    return array.reshape(*array.shape[:2], channels)
