"""What is wrong with a JPEG that decodes nevertheless: a second decoder is asked, which says.

Pillow keeps the warnings of libjpeg to itself, so a file with a damaged middle gives half a picture and
no word. simplejpeg, which runs the same libjpeg-turbo, can treat them as errors; shrunk to an eighth, a
picture is looked at in less than half the time that decoding takes.
"""

from __future__ import annotations

import simplejpeg

_END = b"\xff\xd9"  # the marker that ends a JPEG (ITU-T T.81, B.1.1.3)


def damage_in(data: bytes) -> str:
    """The first thing libjpeg warns of in a JPEG; empty where there is none, or it cannot read it."""
    warned = _warning(data, strict=True)
    return warned if warned and not _warning(data, strict=False) else ""


def completed(data: bytes) -> bytes | None:
    """A JPEG that lacks nothing but its end marker, with it; None for any other."""
    whole = data + _END
    return whole if not data.endswith(_END) and not _warning(whole, strict=True) else None


def _warning(data: bytes, *, strict: bool) -> str:
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, strict=strict)
    except ValueError as error:
        return str(error).removeprefix("Corrupt JPEG data: ")
    return ""
