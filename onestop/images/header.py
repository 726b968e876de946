"""What the header of an image file says: size, channels, format, whether it is a single image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onestop.errors import BadImageError
from onestop.images.damage import DAMAGE
from onestop.images.formats import name_of, open_image
from onestop.images.pillow import JPEG, TURNS, frame_warning, measure_pillow, orientation_of
from onestop.images.time_limit import limited


def measure(source: str | Path | bytes) -> tuple[int, int, int]:
    """Height, width and native channel count of an image, from its header alone.

    Raises:
        BadImageError: As `decode`, if the header already shows the problem.
    """
    return limited(name_of(source), _measured, source)


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
    return limited(name or name_of(source), _header, source)


def _header(source: str | Path | bytes) -> Header:
    with open_image(source) as image:
        kind = "JPEG" if image.format in JPEG else str(image.format)
        return Header(kind, image.mode, orientation_of(image) in TURNS)


def is_still(path: str | Path) -> bool:
    """Whether a file is an image with a single frame."""
    try:
        return limited(str(path), _is_still, path)
    except BadImageError:
        return False


def _is_still(path: str | Path) -> bool:
    try:
        with open_image(path) as image:
            return not frame_warning(image)
    except DAMAGE:
        return False
