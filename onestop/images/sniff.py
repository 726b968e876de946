"""Whether a file is an image, by its first bytes: a name without a suffix says nothing.

Signatures are those of the formats' specifications; where they are too short to be told from text or
other files (BMP, PPM), more of the header is asked.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from onestop.images.formats import SUFFIXES

_HEAD = 64  # bytes that are read
_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIF", b"heix": "HEIF", b"mif1": "HEIF"}
_PNM = re.compile(rb"P[1-6](?:\s+|\s*#[^\n]*\n)+\d")
_DIB_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes of BMP's second header


def is_image(path: Path) -> bool:
    """Whether a file has the name of an image, or else its content.

    A file with the suffix of an image is one until it is opened: then decoding says what is wrong.

    Raises:
        OSError: It has another name and cannot be read.
    """
    return path.suffix.lower() in SUFFIXES or bool(format_of(path))


def format_of(path: Path) -> str:
    """The format of an image file by its first bytes; empty if it is none, or not a regular file.

    Raises:
        OSError: It cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        return ""  # opening a pipe could block forever
    with path.open("rb", buffering=0) as file:
        found = format_in(file.read(_HEAD))
    # Raw photographs, slides and maps are TIFF inside, and no decoder here reads what matters in them.
    return "" if found == "TIFF" and re.fullmatch(r"\.[A-Za-z]\w*", path.suffix) else found


def format_in(head: bytes) -> str:
    """The format of an image that begins with these bytes; empty if they are of no image.

    >>> format_in(b"GIF89a..."), format_in(b"BMW, Audi"), format_in(b"P5 # a")
    ('GIF', '', '')
    """
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head.startswith(_TIFF):
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "")
    return "PPM" if _PNM.match(head) else ""
