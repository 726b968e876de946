"""JPEG decoding that detects damage.

Pillow hides the warnings of libjpeg, so a file damaged in the middle silently yields half an image.
simplejpeg runs the same libjpeg-turbo, with bit-identical results, and can treat warnings as errors. It
also decodes straight into an array, in about two thirds of the time.
"""

from __future__ import annotations

import re

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_END = b"\xff\xd9"  # the marker that ends a JPEG (ITU-T T.81, B.1.1.3)
_HARMLESS = re.compile(
    r"Unknown Adobe color transform|Warning: unknown JFIF|Invalid SOS parameters|bad ICC marker|"
    r"[1-4] extraneous bytes before marker 0x(d9|c[0-9a-f]|d[a-f]|e[0-9a-f]|fe)"  # padding
)
"""Warnings of libjpeg about what lies beside the pixels (jerror.h of libjpeg-turbo)."""


def sound_pixels(data: bytes) -> NDArray[np.uint8] | None:
    """The pixels [H, W, 3] of a colour JPEG; None if libjpeg reports an error or a warning."""
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError:
        return None
    return pixels


def damage_in(data: bytes) -> str:
    """The first warning of libjpeg about damaged pixels; empty if there is none or no pixels at all.

    What cameras and programs write beside the standard without harm to any pixel is no damage.
    """
    warning = _warning(data, strict=True)
    if not warning or _HARMLESS.match(warning):
        return ""
    return "" if _warning(data, strict=False) else warning


def completed(data: bytes) -> bytes | None:
    """A JPEG with its missing end marker added; None if anything else is wrong, or nothing is."""
    complete = data + _END
    return complete if not data.endswith(_END) and not _warning(complete, strict=True) else None


def _warning(data: bytes, *, strict: bool) -> str:
    # Decoded at an eighth of the size: half the time, and every bit of the file is still read.
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, strict=strict)
    except ValueError as error:
        return str(error).removeprefix("Corrupt JPEG data: ")
    return ""
