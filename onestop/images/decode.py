"""The image decoder shared by all verbs: a file, bytes or a Pillow image in, pixels out.

`onestop/images/formats.py` decides which files are accepted; `onestop/images/jpeg.py` detects damage in
JPEGs that can still be decoded; `onestop/images/time_limit.py` bounds the time, and
`onestop/images/strips.py` the memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.errors import BadImageError
from onestop.images import deep as deep_images
from onestop.images.arrays import image_array
from onestop.images.channels import to_channels
from onestop.images.eight_bits import to_8_bits
from onestop.images.formats import DAMAGE, first_bytes, open_image, read_file, reason_of
from onestop.images.forms import image_form
from onestop.images.jpeg import completed, damage_in, sound_pixels
from onestop.images.pixel_range import (
    NARROW,
    NOTICED,
    PixelRange,
    remark_8_bit,
    remark_narrow,
    remark_outside,
    suits_8_bits,
)
from onestop.images.scale import bounds
from onestop.images.strips import in_strips
from onestop.images.time_limit import limited

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
    source: str | Path | bytes,
    channels: int,
    remark: Callable[[str], None] | None = None,
    pixel_range: PixelRange = "full",
    name: str = "",
) -> Pixels:
    """Read one image as uint8 [H, W, channels], upright.

    EXIF orientation is applied; transparent areas become white unless `channels` is 4; only the first
    frame of an animation is read.

    Args:
        source: A path, or the bytes of an image file.
        channels: 1, 3 or 4.
        remark: Called at most once, with a warning about an image that can be read all the same: a
            partly damaged JPEG, one of which only the first of several frames is read, or one with
            many values outside the pixel range.
        pixel_range: What is black and white in images of more than 8 bits.
        name: What the image is called where decoding takes too long; its path if that is the source.

    Raises:
        BadImageError: Not an image, damaged, an unsupported format, too many pixels, or too slow.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    return limited(name or _name_of(source), _decoded, data, channels, remark, pixel_range)


def _name_of(source: str | Path | bytes) -> str:
    return "an image in memory" if isinstance(source, bytes) else str(source)


def _decoded(
    data: bytes, channels: int, remark: Callable[[str], None] | None, pixel_range: PixelRange
) -> Pixels:
    remarks: list[str] = []
    try:
        pixels = _read_pixels(data, channels, remarks, pixel_range)
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error
    if remark and remarks:
        remark("; ".join(remarks))
    return pixels


def _read_pixels(data: bytes, channels: int, remarks: list[str], pixel_range: PixelRange) -> Pixels:
    with open_image(data) as image:
        jpeg = image.format in _JPEG
        if jpeg and image.mode == "RGB" and (sound := _sound(data, image)) is not None:
            _of_8_bits(remarks, pixel_range)
            return _from_sound(sound, _orientation(image), channels)
        try:
            pixels = from_pillow(image, channels, remarks.append, pixel_range, data)
        except OSError:
            complete = completed(data) if jpeg else None
            if complete is None:
                raise
            return _completed_pixels(complete, channels, remarks)
        if warning := _damage_warning(data) if jpeg else _frame_warning(image):
            remarks.append(warning)
        return pixels


def is_deep(source: str | Path | bytes) -> bool:
    """Whether an image file, or the content of one, has more than 8 bits, from its header.

    Raises:
        BadImageError: As `measure`.
    """
    head = source[:32] if isinstance(source, bytes) else first_bytes(source, 32)
    may_be = deep_images.may_be_deep(head)
    return may_be and limited(_name_of(source), _is_deep, source)


def _is_deep(source: str | Path | bytes) -> bool:
    with open_image(source) as image:
        return bool(deep_images.depth(image))


def deep_values(source: str | Path | bytes) -> deep_images.Deep | None:
    """The values of an image file of more than 8 bits; None if it has 8 bits, as its header says.

    Raises:
        BadImageError: As `decode`.
    """
    try:
        return limited(_name_of(source), _deep_values, source) if is_deep(source) else None
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error


def _deep_values(source: str | Path | bytes) -> deep_images.Deep | None:
    data = source if isinstance(source, bytes) else read_file(source)
    with open_image(data) as image:
        return deep_images.deep(image, data, _upright, open_image)


def deep_of_pillow(image: Image.Image) -> deep_images.Deep | None:
    """The values of a Pillow image of more than 8 bits; None if it has 8 bits."""
    return limited("an image of Pillow's", deep_images.deep, image, None, _upright, open_image)


def _sound(data: bytes, image: Image.Image) -> Pixels | None:
    """The pixels of an undamaged JPEG whose size matches its header; else None."""
    pixels = sound_pixels(data)
    return pixels if pixels is not None and pixels.shape[1::-1] == image.size else None


def _from_sound(pixels: Pixels, orientation: int, channels: int) -> Pixels:
    """Turn the RGB pixels of a JPEG upright and convert them to `channels`."""
    if channels == 3 and orientation not in _TURNS:
        return pixels
    return in_strips(pixels, _TURNS.get(orientation), channels, _converted)


def _completed_pixels(complete: bytes, channels: int, remarks: list[str]) -> Pixels:
    """The pixels of a JPEG to which the missing end marker was added."""
    with open_image(complete) as image:
        pixels = from_pillow(image, channels)
    remarks.append("has no end marker; all its pixels are there")
    return pixels


def _of_8_bits(remarks: list[str], pixel_range: PixelRange) -> None:
    if not suits_8_bits(pixel_range):
        remarks.append(remark_8_bit(pixel_range))


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
    return limited(_name_of(source), _measured, source)


def _measured(source: str | Path | bytes) -> tuple[int, int, int]:
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


def header(source: str | Path | bytes, name: str = "") -> Header:
    """Read the header of an image file, which is called `name` where that takes too long.

    Raises:
        BadImageError: As `measure`.
    """
    return limited(name or _name_of(source), _header, source)


def _header(source: str | Path | bytes) -> Header:
    with open_image(source) as image:
        kind = "JPEG" if image.format in _JPEG else str(image.format)
        return Header(kind, image.mode, _orientation(image) in _TURNS)


def is_still(path: str | Path) -> bool:
    """Whether a file is an image with a single frame."""
    try:
        return limited(str(path), _is_still, path)
    except BadImageError:
        return False


def _is_still(path: str | Path) -> bool:
    try:
        with open_image(path) as image:
            return not _frame_warning(image)
    except DAMAGE:
        return False


def measure_pillow(image: Image.Image) -> tuple[int, int, int]:
    """Height, width and native channel count of a Pillow image, upright as in `from_pillow`."""
    width, height = image.size
    # Pillow reports the size of a TIFF after rotation.
    if _orientation(image) in (5, 6, 7, 8) and image.format != "TIFF":
        width, height = height, width
    return height, width, _natural_channels(image)


def pixels_of(
    image: Any,
    channels: int,
    remark: Callable[[str], None] | None = None,
    pixel_range: PixelRange = "full",
) -> Pixels:
    """An image in any form accepted from a user, as [H, W, channels].

    Args:
        image: See `onestop.images.forms.image_form`.
        channels: 1, 3 or 4.
        remark: Called with what is wrong with an image that can be read all the same.
        pixel_range: What is black and white in images of more than 8 bits.

    Raises:
        BadImageError: It cannot be read.
        UsageError: It is nothing that an image can be.
    """
    form = image_form(image)
    if isinstance(form, Path | bytes):
        return decode(form, channels, remark, pixel_range)
    if isinstance(form, Image.Image):
        return _of_pillow(form, channels, remark, pixel_range)
    return to_channels(image_array(form, pixel_range, remark), channels)


def _of_pillow(
    image: Image.Image,
    channels: int,
    remark: Callable[[str], None] | None,
    pixel_range: PixelRange,
) -> Pixels:
    """The pixels of an image that a caller opened, and may have closed since."""
    try:
        return from_pillow(image, channels, remark, pixel_range)
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error


def from_pillow(
    image: Image.Image,
    channels: int,
    remark: Callable[[str], None] | None = None,
    pixel_range: PixelRange = "full",
    data: bytes | None = None,
) -> Pixels:
    """Convert a Pillow image to uint8 [H, W, channels], upright.

    Args:
        image: Of any mode.
        channels: 1, 3 or 4.
        remark: Called with what is unusual about its values.
        pixel_range: What is black and white in images of more than 8 bits.
        data: The file that it was opened from, if it is not loaded: without it, Pillow reduces deep
            colours to 8 bits.

    Raises:
        BadImageError: It has no pixels, some that are NaN or infinite, or that do not fit the full
            scale, or takes too long to decode.
    """
    return limited("an image of Pillow's", _from_pillow, image, channels, remark, pixel_range, data)


def _from_pillow(
    image: Image.Image,
    channels: int,
    remark: Callable[[str], None] | None,
    pixel_range: PixelRange,
    data: bytes | None,
) -> Pixels:
    if 0 in image.size:
        raise BadImageError(f"{image.width} x {image.height}: holds no pixels")
    remark = remark or (lambda _: None)
    if pixel_range == "image":
        deep = deep_images.as_before(image, _upright)
    else:
        deep = deep_images.deep(image, data, _upright, open_image)
    if deep:
        return _in_8_bits(deep, channels, remark, pixel_range)
    if not suits_8_bits(pixel_range):
        remark(remark_8_bit(pixel_range))
    image.load()  # else damaged pixels would be mistaken for a damaged EXIF block
    return in_strips(image, _TURNS.get(_orientation(image)), channels, _converted)


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # see `_from_pillow`
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _converted(image: Image.Image, channels: int) -> Image.Image:
    """A Pillow image of 8 bits in the mode for `channels`."""
    if image.mode in ("P", "PA", "LA", "La", "RGBa", "LAB") or "transparency" in image.info:
        image = image.convert("RGBA" if _natural_channels(image) == 4 else "RGB")
    if image.mode == "RGBA" and channels != 4:
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image).convert("RGB")
    return image.convert(_MODES[channels])


def _in_8_bits(
    deep: deep_images.Deep, channels: int, remark: Callable[[str], None], pixel_range: PixelRange
) -> Pixels:
    """Map an image of more than 8 bits to [H, W, channels], band by band."""
    low, high = bounds(pixel_range, deep.values())
    result, outside, count = np.empty((deep.height, deep.width, channels), np.uint8), 0, 0
    darkest, brightest = math.inf, -math.inf
    for top, values in deep.bands():
        colour = values[..., :3]
        darkest = min(darkest, float(colour.min()))
        brightest = max(brightest, float(colour.max()))
        pixels, clipped = to_8_bits(colour, low, high)
        outside, count = outside + clipped, count + colour.size
        if values.shape[-1] == 4:
            alpha, _ = to_8_bits(values[..., 3:], 0, 65535)
            pixels = np.concatenate([pixels, alpha], -1)
        result[top : top + len(values)] = to_channels(pixels, channels)
    if outside > NOTICED * count:
        remark(remark_outside(outside / count, (low, high)))
    if pixel_range == "full" and 0 < brightest - darkest < NARROW * (high - low):
        remark(remark_narrow(darkest, brightest, high))
    return result


def _orientation(image: Image.Image) -> int:
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
