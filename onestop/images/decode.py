"""The image decoder shared by all verbs: a file, bytes or a Pillow image in, pixels out.

`onestop/images/formats.py` decides which files are accepted; `onestop/images/jpeg.py` detects damage in
JPEGs that can still be decoded.
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
from onestop.images.forms import image_form
from onestop.images.jpeg import completed, damage_in, sound_pixels

Pixels: TypeAlias = NDArray[np.uint8]
"""[H, W, C] with 1 (grey), 3 (RGB) or 4 (RGBA) channels."""

_JPEG = ("JPEG", "MPO")
"""A photograph of a camera, perhaps with previews of other sizes behind it (MPO): the first image is
the photograph, so that nothing of it is left out."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# The transpose that turns each EXIF orientation upright; 1 is upright already.
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
    """Read one image as uint8 [H, W, channels], upright.

    EXIF orientation is applied; 16-bit and float greys are scaled, not clipped; transparent areas
    become white unless `channels` is 4; only the first frame of an animation is read.

    Args:
        source: A path, or the bytes of an image file.
        channels: 1, 3 or 4.
        remark: Called with a warning about an image that can be read all the same: a partly
            damaged JPEG, or one of which only the first of several frames is read.

    Raises:
        BadImageError: Not an image, damaged, an unsupported format, or too many pixels.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    try:
        with open_image(data) as image:
            jpeg = image.format in _JPEG
            if jpeg and image.mode == "RGB" and (sound := _sound(data, image)) is not None:
                return _from_sound(sound, _orientation(image), channels)
            try:
                pixels = from_pillow(image, channels)
            except OSError:
                complete = completed(data) if jpeg else None
                if complete is None:
                    raise
                return _completed_pixels(complete, channels, remark)
            if remark and (warning := _damage_warning(data) if jpeg else _frame_warning(image)):
                remark(warning)
            return pixels
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error


def _sound(data: bytes, image: Image.Image) -> Pixels | None:
    """The pixels of an undamaged JPEG whose size matches its header; else None."""
    pixels = sound_pixels(data)
    return pixels if pixels is not None and pixels.shape[1::-1] == image.size else None


def _from_sound(pixels: Pixels, orientation: int, channels: int) -> Pixels:
    """Turn the RGB pixels of a JPEG upright and convert them to `channels`."""
    if channels == 3 and orientation not in _TURNS:
        return pixels
    image = Image.fromarray(pixels)
    turn = _TURNS.get(orientation)
    return from_pillow(image if turn is None else image.transpose(turn), channels)


def _completed_pixels(
    complete: bytes, channels: int, remark: Callable[[str], None] | None
) -> Pixels:
    """The pixels of a JPEG to which the missing end marker was added."""
    with open_image(complete) as image:
        pixels = from_pillow(image, channels)
    if remark:
        remark("has no end marker; all its pixels are there")
    return pixels


def _damage_warning(data: bytes) -> str:
    damage = damage_in(data)
    return f"damaged in part ({damage})" if damage else ""


def _frame_warning(image: Image.Image) -> str:
    """A warning if the file holds several images; else empty."""
    if image.format in _JPEG:
        return ""
    unit = "page" if image.format == "TIFF" else "frame"
    return f"only its first {unit} is read" if getattr(image, "is_animated", False) else ""


def measure(source: str | Path | bytes) -> tuple[int, int, int]:
    """Height, width and native channel count of an image, from its header alone.

    Raises:
        BadImageError: As `decode`, if the header already shows the problem.
    """
    with open_image(source) as image:
        return measure_pillow(image)


@dataclass(frozen=True)
class Header:
    """Properties of an image, read from its header.

    Attributes:
        format: `JPEG`, `PNG`, ...
        mode: Pillow's mode: `L`, `RGB`, `CMYK`, `P`, `I;16`, ...
        turned: Whether EXIF rotates or mirrors it.
    """

    format: str
    mode: str
    turned: bool


def header(source: str | Path | bytes) -> Header:
    """Read the header of an image file.

    Raises:
        BadImageError: As `measure`.
    """
    with open_image(source) as image:
        kind = "JPEG" if image.format in _JPEG else str(image.format)
        return Header(kind, image.mode, _orientation(image) in _TURNS)


def is_still(path: str | Path) -> bool:
    """Whether a file is an image with a single frame."""
    try:
        with open_image(path) as image:
            return not _frame_warning(image)
    except (BadImageError, *DAMAGE):
        return False


def measure_pillow(image: Image.Image) -> tuple[int, int, int]:
    """Height, width and native channel count of a Pillow image, upright as in `from_pillow`."""
    width, height = image.size
    # Pillow reports the size of a TIFF after rotation.
    if _orientation(image) in (5, 6, 7, 8) and image.format != "TIFF":
        width, height = height, width
    return height, width, _natural_channels(image)


def pixels_of(image: Any, channels: int, remark: Callable[[str], None] | None = None) -> Pixels:
    """An image in any form accepted from a user, as [H, W, channels].

    Args:
        image: See `onestop.images.forms.image_form`.
        channels: 1, 3 or 4.
        remark: Called with what is wrong with a file that can be read all the same.

    Raises:
        BadImageError: It cannot be read.
        UsageError: It is nothing that an image can be.
    """
    form = image_form(image)
    if isinstance(form, Path | bytes):
        return decode(form, channels, remark)
    if isinstance(form, Image.Image):
        return _of_pillow(form, channels)
    return to_channels(image_array(form), channels)


def _of_pillow(image: Image.Image, channels: int) -> Pixels:
    """The pixels of an image that a caller opened, and may have closed since."""
    try:
        return from_pillow(image, channels)
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error


def from_pillow(image: Image.Image, channels: int) -> Pixels:
    """Convert a Pillow image to uint8 [H, W, channels], upright.

    Raises:
        BadImageError: It has pixels that are NaN or infinite, or none at all.
    """
    if 0 in image.size:
        raise BadImageError(f"{image.width} x {image.height}: holds no pixels")
    image = _upright(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = _scaled_to_bytes(image)
    elif image.mode in ("P", "PA", "LA", "La", "RGBa", "LAB") or "transparency" in image.info:
        image = image.convert("RGBA" if _natural_channels(image) == 4 else "RGB")
    if image.mode == "RGBA" and channels != 4:
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image).convert("RGB")
    array = np.array(image.convert(_MODES[channels]))
    return array[:, :, None] if array.ndim == 2 else array


def to_channels(images: Pixels, channels: int) -> Pixels:
    """Convert pixels [..., C] to another number of channels, by the rules of `decode`."""
    current = images.shape[-1]
    if current == channels:
        return images
    if current == 4 and channels != 4:
        colour, alpha = images[..., :3].astype(np.uint32), images[..., 3:].astype(np.uint32)
        images = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        current = 3
    if channels == 1 and current == 3:
        # ITU-R 601-2 luma in fixed point, as Pillow's "L" computes it.
        weights = np.array([19595, 38470, 7471], dtype=np.uint32)
        return ((images @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]
    rgb = np.repeat(images, 3, axis=-1) if current == 1 else images
    if channels == 4:
        return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=-1)
    return rgb


def _orientation(image: Image.Image) -> int:
    try:
        # `image.getexif()` of a PNG decodes all pixels to look for a block behind them.
        return int(Image.Image.getexif(image).get(0x0112, 1))
    except DAMAGE:
        return 1


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # else damaged pixels would be mistaken for a damaged EXIF block
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _natural_channels(image: Image.Image) -> int:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        return 4
    grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    return 1 if grey else 3


def _scaled_to_bytes(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float greys to 0..255; Pillow's own conversion clips them."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise BadImageError("has pixels that are NaN or infinite")
    low, high = values.min(), values.max()
    if image.mode == "F":
        top = 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    else:
        top = 65535.0 if high <= 65535 else 2.0**31 - 1
    if low < 0 or high > top:  # no standard scale fits: use the image's own range
        values, top = values - low, max(high - low, 1e-12)
    return Image.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))
