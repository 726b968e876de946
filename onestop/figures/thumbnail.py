"""Small pictures written into a page itself, so that it stays one file."""

from __future__ import annotations

import base64
import io
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from onestop.images.thumbnail import picture_of

SIDE = 160
"""Pixels that a picture is reduced to."""
TINY = 64
"""Pixels a side up to which one is kept as it is, and is to be shown with hard edges."""


def data_uri(pixels: NDArray[Any]) -> str:
    """A picture, uint8 [H, W, C], as what stands in the `src` of an image."""
    picture = picture_of(pixels)
    file = io.BytesIO()
    if max(picture.size) <= TINY:
        picture.save(file, "PNG", optimize=True)
        kind = "png"
    else:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        picture.save(file, "JPEG", quality=82)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
