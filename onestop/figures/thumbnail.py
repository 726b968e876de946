"""Thumbnails embedded in a page as data URIs."""

from __future__ import annotations

import base64
import io
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from onestop.images.thumbnail import picture_of

SIDE = 160
"""Longer side of a reduced image in pixels."""
TINY = 64
"""Side in pixels up to which images are not reduced, and are to be shown without smoothing."""


def data_uri(pixels: NDArray[Any]) -> str:
    """An image, uint8 [H, W, C], as a data URI for the `src` of an `<img>`."""
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
