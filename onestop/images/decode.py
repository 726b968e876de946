"""The image decoder shared by all verbs: a file, bytes or a Pillow image in, pixels out.

`onestop/images/formats.py` decides which files are accepted; `onestop/images/jpeg.py` detects damage in
JPEGs that can still be decoded; `onestop/images/time_limit.py` bounds the time, and
`onestop/images/strips.py` the memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from onestop.errors import BadImageError
from onestop.images import deep as deep_images
from onestop.images.arrays import image_array
from onestop.images.channels import to_channels
from onestop.images.damage import DAMAGE, reason_of
from onestop.images.eight_bits import to_8_bits
from onestop.images.formats import first_bytes, name_of, open_image, read_file
from onestop.images.forms import image_form
from onestop.images.jpeg import completed, damage_in, sound_pixels
from onestop.images.pillow import (
    JPEG,
    TURNS,
    Pixels,
    converted,
    frame_warning,
    orientation_of,
    upright,
)
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
    return limited(name or name_of(source), _decoded, data, channels, remark, pixel_range)


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
        jpeg = image.format in JPEG
        if jpeg and image.mode == "RGB" and (sound := _sound(data, image)) is not None:
            _of_8_bits(remarks, pixel_range)
            return _from_sound(sound, orientation_of(image), channels)
        try:
            pixels = from_pillow(image, channels, remarks.append, pixel_range, data, open_image)
        except OSError:
            complete = completed(data) if jpeg else None
            if complete is None:
                raise
            return _completed_pixels(complete, channels, remarks)
        if warning := _damage_warning(data) if jpeg else frame_warning(image):
            remarks.append(warning)
        return pixels


def is_deep(source: str | Path | bytes) -> bool:
    """Whether an image file, or the content of one, has more than 8 bits, from its header.

    Raises:
        BadImageError: As `measure`.
    """
    head = source[:32] if isinstance(source, bytes) else first_bytes(source, 32)
    may_be = deep_images.may_be_deep(head)
    return may_be and limited(name_of(source), _is_deep, source)


def _is_deep(source: str | Path | bytes) -> bool:
    with open_image(source) as image:
        return bool(deep_images.depth(image))


def deep_values(source: str | Path | bytes) -> deep_images.Deep | None:
    """The values of an image file of more than 8 bits; None if it has 8 bits, as its header says.

    Raises:
        BadImageError: As `decode`.
    """
    try:
        return limited(name_of(source), _deep_values, source) if is_deep(source) else None
    except DAMAGE as error:
        raise BadImageError(f"damaged: {reason_of(error)}") from error


def _deep_values(source: str | Path | bytes) -> deep_images.Deep | None:
    data = source if isinstance(source, bytes) else read_file(source)
    with open_image(data) as image:
        return deep_images.deep(image, upright, data, open_image)


def _sound(data: bytes, image: Image.Image) -> Pixels | None:
    """The pixels of an undamaged JPEG whose size matches its header; else None."""
    pixels = sound_pixels(data)
    return pixels if pixels is not None and pixels.shape[1::-1] == image.size else None


def _from_sound(pixels: Pixels, orientation: int, channels: int) -> Pixels:
    """Turn the RGB pixels of a JPEG upright and convert them to `channels`."""
    if channels == 3 and orientation not in TURNS:
        return pixels
    return in_strips(pixels, TURNS.get(orientation), channels, converted)


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
    reopen: deep_images.Reopen | None = None,
) -> Pixels:
    """Convert a Pillow image to uint8 [H, W, channels], upright.

    Args:
        image: Of any mode.
        channels: 1, 3 or 4.
        remark: Called with what is unusual about its values.
        pixel_range: What is black and white in images of more than 8 bits.
        data: The file that it was opened from, if it is not loaded: without it, Pillow reduces deep
            colours to 8 bits.
        reopen: Opens that file's content once more.

    Raises:
        BadImageError: It has no pixels, some that are NaN or infinite, or that do not fit the full
            scale, or takes too long to decode.
    """
    return limited(
        "an image of Pillow's", _from_pillow, image, channels, remark, pixel_range, data, reopen
    )


def _from_pillow(
    image: Image.Image,
    channels: int,
    remark: Callable[[str], None] | None,
    pixel_range: PixelRange,
    data: bytes | None,
    reopen: deep_images.Reopen | None,
) -> Pixels:
    if 0 in image.size:
        raise BadImageError(f"{image.width} x {image.height}: holds no pixels")
    remark = remark or (lambda _: None)
    if pixel_range == "image":
        deep = deep_images.as_before(image, upright)
    else:
        deep = deep_images.deep(image, upright, data, reopen)
    if deep:
        return _in_8_bits(deep, channels, remark, pixel_range)
    if not suits_8_bits(pixel_range):
        remark(remark_8_bit(pixel_range))
    image.load()  # else damaged pixels would be mistaken for a damaged EXIF block
    return in_strips(image, TURNS.get(orientation_of(image)), channels, converted)


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


def deep_of_pillow(image: Image.Image) -> deep_images.Deep | None:
    """The values of a Pillow image of more than 8 bits; None if it has 8 bits."""
    return limited("an image of Pillow's", deep_images.deep, image, upright)
