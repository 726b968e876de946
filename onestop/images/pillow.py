"""Pillow images: upright, of the wanted channels, as large as they will be read.

Legend: H height, W width, C channels.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.images.damage import DAMAGE

Pixels: TypeAlias = NDArray[np.uint8]
"""[H, W, C] with 1 (grey), 3 (RGB) or 4 (RGBA) channels."""

JPEG = ("JPEG", "MPO")
"""A photograph of a camera, perhaps with previews of other sizes behind it (MPO): the first image is
the photograph, so that nothing of it is left out."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transpose that turns each EXIF orientation upright; 1 is upright already."""


def upright(image: Image.Image) -> Image.Image:
    """A Pillow image as EXIF says that it is to be seen."""
    image.load()  # see `_from_pillow`
    turn = TURNS.get(orientation_of(image))
    return image if turn is None else image.transpose(turn)


def converted(image: Image.Image, channels: int) -> Image.Image:
    """A Pillow image of 8 bits in the mode for `channels`."""
    if image.mode in ("P", "PA", "LA", "La", "RGBa", "LAB") or "transparency" in image.info:
        image = image.convert("RGBA" if _natural_channels(image) == 4 else "RGB")
    if image.mode == "RGBA" and channels != 4:
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image).convert("RGB")
    return image.convert(_MODES[channels])


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of an image; 1 if it has none."""
    try:
        # `image.getexif()` of a PNG decodes all pixels to look for a block behind them.
        return int(Image.Image.getexif(image).get(0x0112, 1))
    except DAMAGE:
        return 1


def _natural_channels(image: Image.Image) -> int:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        return 4
    grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    return 1 if grey else 3


def measure_pillow(image: Image.Image) -> tuple[int, int, int]:
    """Height, width and native channel count of a Pillow image, upright as in `from_pillow`."""
    width, height = image.size
    # Pillow reports the size of a TIFF after rotation.
    if orientation_of(image) in (5, 6, 7, 8) and image.format != "TIFF":
        width, height = height, width
    return height, width, _natural_channels(image)


def frame_warning(image: Image.Image) -> str:
    """A warning if the file holds several images; else empty."""
    if image.format in JPEG:
        return ""
    unit = "page" if image.format == "TIFF" else "frame"
    return f"only its first {unit} is read" if getattr(image, "is_animated", False) else ""
