"""The one decoder: a file, bytes or picture in, pixels out; the same for every verb.

Which files are images at all says `onestop/images/formats.py`, what is wrong with a JPEG that decodes
nevertheless `onestop/images/jpeg.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.errors import BadImageError
from onestop.images.arrays import image_array
from onestop.images.formats import DAMAGE, open_image, read_file, reason_of
from onestop.images.jpeg import completed, damage_in, sound_pixels

Pixels: TypeAlias = NDArray[np.uint8]
"""[H, W, C], C of 1 (grey), 3 (red, green, blue) or 4 (and alpha)."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# What turns each EXIF orientation upright; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    source: str | Path | bytes, channels: int, remark: Callable[[str], None] | None = None
) -> Pixels:
    """Read one image as [H, W, channels] of 0..255, upright.

    EXIF orientation is applied; 16-bit and float greys are scaled, not cut off; transparent parts
    become white unless `channels` is 4; of an animation the first frame is read.

    Args:
        source: A path, or the bytes of an image file.
        channels: 1, 3 or 4.
        remark: Called with what a person should know of an image that can be read all the same:
            a JPEG is damaged in part, or only the first of several frames is read.

    Raises:
        BadImageError: No image, damaged, of a format not on the list, or too many pixels.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    try:
        with open_image(data) as image:
            jpeg = image.format == "JPEG"
            if jpeg and image.mode == "RGB" and (sound := _sound(data, image)) is not None:
                return _finished(sound, _orientation(image), channels)
            try:
                pixels = from_pillow(image, channels)
            except OSError:
                whole = completed(data) if jpeg else None
                if whole is None:
                    raise
                return _without_end(whole, channels, remark)
            if remark and (said := _partly(data) if jpeg else _frames(image)):
                remark(said)
            return pixels
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error


def _sound(data: bytes, image: Image.Image) -> Pixels | None:
    """The pixels of a JPEG that nothing is wrong with, as large as its header says; else None."""
    pixels = sound_pixels(data)
    return pixels if pixels is not None and pixels.shape[1::-1] == image.size else None


def _finished(pixels: Pixels, orientation: int, channels: int) -> Pixels:
    if channels == 3 and orientation not in _TURNS:
        return pixels
    picture = Image.fromarray(pixels)
    turn = _TURNS.get(orientation)
    return from_pillow(picture if turn is None else picture.transpose(turn), channels)


def _without_end(whole: bytes, channels: int, remark: Callable[[str], None] | None) -> Pixels:
    """The pixels of a JPEG whose end marker had to be put there."""
    with open_image(whole) as image:
        pixels = from_pillow(image, channels)
    if remark:
        remark("has no end marker; all its pixels are there")
    return pixels


def _partly(data: bytes) -> str:
    found = damage_in(data)
    return f"damaged in part ({found})" if found else ""


def _frames(image: Image.Image) -> str:
    """A remark on an image that is one of several in its file."""
    what = "page" if image.format == "TIFF" else "frame"
    return f"only its first {what} is read" if getattr(image, "is_animated", False) else ""


def measure(source: str | Path | bytes) -> tuple[int, int, int]:
    """Height, width and natural channels of an image, from its header alone.

    Raises:
        BadImageError: As `decode`, as far as the header shows it.
    """
    with open_image(source) as image:
        return measure_pillow(image)


@dataclass(frozen=True)
class Header:
    """What the beginning of an image file says of it.

    Attributes:
        format: `JPEG`, `PNG`, ...
        mode: How Pillow calls its channels: `L`, `RGB`, `CMYK`, `P`, `I;16`, ...
        turned: Whether EXIF has it turned or mirrored.
    """

    format: str
    mode: str
    turned: bool


def header(source: str | Path | bytes) -> Header:
    """What the beginning of an image file says of it.

    Raises:
        BadImageError: As `measure`.
    """
    with open_image(source) as image:
        return Header(str(image.format), image.mode, _orientation(image) in _TURNS)


def is_still(path: str | Path) -> bool:
    """Whether a file is an image of one frame."""
    try:
        with open_image(path) as image:
            return not _frames(image)
    except (BadImageError, *DAMAGE):
        return False


def measure_pillow(image: Image.Image) -> tuple[int, int, int]:
    """Height, width and natural channels of a picture as `from_pillow` turns it."""
    width, height = image.size
    if _orientation(image) in (5, 6, 7, 8) and image.format != "TIFF":  # whose size is upright
        width, height = height, width
    return height, width, _natural_channels(image)


def pixels_of(image: Any, channels: int, remark: Callable[[str], None] | None = None) -> Pixels:
    """An image in any form a person may give it in, as [H, W, channels].

    Args:
        image: A path, the bytes of an image file, a Pillow image, or an array or tensor as
            `onestop.images.arrays.images_array` takes them.
        channels: 1, 3 or 4.
        remark: Called with what is wrong with a file that can be read all the same.

    Raises:
        BadImageError: It cannot be read.
    """
    if isinstance(image, str | Path | bytes):
        return decode(image, channels, remark)
    if hasattr(image, "convert"):
        return from_pillow(image, channels)
    return to_channels(image_array(image), channels)


def from_pillow(image: Image.Image, channels: int) -> Pixels:
    """A picture that Pillow holds as [H, W, channels] of 0..255, upright.

    Raises:
        BadImageError: Its pixels are not finite numbers.
    """
    image = _upright(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _scaled_to_bytes(image)
    elif image.mode in ("P", "PA", "LA", "La", "RGBa", "LAB") or "transparency" in image.info:
        image = image.convert("RGBA" if _natural_channels(image) == 4 else "RGB")
    if image.mode == "RGBA" and channels != 4:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image).convert("RGB")
    array = np.array(image.convert(_MODES[channels]))
    return array[:, :, None] if array.ndim == 2 else array


def to_channels(images: Pixels, channels: int) -> Pixels:
    """Pixels [..., C] with another number of channels, by the rules of `decode`."""
    have = images.shape[-1]
    if have == channels:
        return images
    if have == 4 and channels != 4:
        colour, alpha = images[..., :3].astype(np.uint32), images[..., 3:].astype(np.uint32)
        images = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        have = 3
    if channels == 1 and have == 3:
        # ITU-R 601-2 luma in fixed point, as Pillow's "L" computes it.
        weights = np.array([19595, 38470, 7471], dtype=np.uint32)
        return ((images @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]
    three = np.repeat(images, 3, axis=-1) if have == 1 else images
    if channels == 4:
        return np.concatenate([three, np.full_like(three[..., :1], 255)], axis=-1)
    return three


def _orientation(image: Image.Image) -> int:
    try:
        # Not `image.getexif()`, which for PNG decodes all pixels in search of a block behind them.
        return int(Image.Image.getexif(image).get(0x0112, 1))
    except DAMAGE:
        return 1


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # damage in the pixels must not be taken for damage in the EXIF block
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _natural_channels(image: Image.Image) -> int:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        return 4
    grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    return 1 if grey else 3


def _scaled_to_bytes(image: Image.Image) -> Image.Image:
    """Greys of 16 or 32 bits scaled to 0..255; Pillow's own conversion would cut them off."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise BadImageError("has pixels that are not numbers (NaN or infinite)")
    low, high = values.min(), values.max()
    if image.mode == "F":
        top = 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    else:
        top = 65535.0 if high <= 65535 else 2.0**31 - 1
    if low < 0 or high > top:  # no natural scale: the image's own range is all there is
        values, top = values - low, max(high - low, 1e-12)
    return Image.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))
