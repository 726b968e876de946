"""Limits on the work that a file can ask for: a small file must not keep its reader busy for minutes.

Formats let a file repeat things: markers and scans (JPEG), chunks (PNG), comments (GIF, PGM), strips
and tags (TIFF). Most of them cost Pillow a read or more each, so counting reads bounds them all
(`CountedBytes`, `CountedFile`); `open_counted` also looks for those that cost more. What is left is
ended by `onestop/images/time_limit.py`.
"""

from __future__ import annotations

import io
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from PIL import Image, ImageFile

from onestop.errors import BadImageError
from onestop.images.jpeg import markers_of
from onestop.images.tiff import MAGIC, directory_of

_TOO_MANY_PARTS = "made of too many parts (chunks, markers, comments or tags); save it again"
HEADER_READS = 10_000
"""Reads before the pixels; usual images need fewer than a hundred."""
_PIXEL_READS = 100_000, 2, 8_000_000  # of the pixels: at least, per pixel, at most
_MOST_SCANS = 500  # libjpeg-turbo's own fuzzers stop there
_SCANNED = 2 * 10**10  # pixels times scans: about 4 s
_EXIF_BLOCKS = 100  # Pillow copies what it has for each further one
_IN_PYTHON = 2**22  # pixels, where Pillow decodes one by one: about 4 s
_DIGITS = 2**24  # bytes of an image written in digits: about 4 s
_COMMENTS = 1_000  # Pillow copies a block for each
_STRIPS = 500_000  # entries of a tag, such as the places of the strips
_TILE = 2**24  # pixels of a tile, which libtiff allocates even if the image is smaller


class _Counted:
    """A file that can be read from so many times only.

    Attributes:
        reads_left: Before the next read fails.
    """

    reads_left = HEADER_READS

    def read(self, size: int = -1, /) -> bytes:
        """As usual.

        Raises:
            BadImageError: It was read from too often.
        """
        self.reads_left -= 1
        if self.reads_left < 0:
            raise BadImageError(_TOO_MANY_PARTS)
        content: bytes = super().read(size)  # type: ignore[misc]
        return content


class CountedBytes(_Counted, io.BytesIO):  # type: ignore[misc]
    """A file in memory."""


class CountedFile(_Counted, io.FileIO):  # type: ignore[misc]
    """A file on disk; closed when nobody needs it any more."""

    def __del__(self) -> None:
        self.close()


def open_counted(source: bytes | Path) -> io.BytesIO | CountedFile:
    """A file, or the content of one, for Pillow to read the header from.

    Raises:
        BadImageError: Its header asks for too much work; the message says what there is too much of.
        OSError: It cannot be opened.
    """
    if isinstance(source, bytes):
        is_jpeg = _check(source, whole=True)
        return io.BytesIO(source) if is_jpeg else CountedBytes(source)
    file = CountedFile(source)
    with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        _check(data, whole=False)
    return file


def allow_pixels(file: io.BytesIO | CountedFile, count: int) -> None:
    """Allow the reads that the `count` pixels of an image may need."""
    least, each, most = _PIXEL_READS
    if isinstance(file, _Counted):
        file.reads_left = min(most, least + each * count)


def _check(data: bytes | mmap, *, whole: bool) -> bool:
    """Refuse a file that asks for too much; whether it is a JPEG, whose parts are counted by that.

    Args:
        data: The file.
        whole: Whether to look at all of it, and not only at its header.
    """
    start = data[:4]
    if start.startswith(b"\xff\xd8\xff"):
        _check_jpeg(data, whole=whole)
        return True
    if start in MAGIC:
        _check_tiff(data)
    elif whole and re.match(rb"P[123][\s#]", start):
        _check_digits(data)
    return False


def require_fast_decoder(image: Image.Image) -> None:
    """Refuse a large image of a kind that Pillow decodes in Python.

    Those are compressed BMPs, and PGMs and PPMs in digits or with an unusual depth.

    Args:
        image: Of which only the header was read.

    Raises:
        BadImageError: The message names a format that is decoded faster.
    """
    tiles = getattr(image, "tile", ()) if isinstance(image, ImageFile.ImageFile) else ()
    if image.width * image.height > _IN_PYTHON and any(t[0] in Image.DECODERS for t in tiles):
        raise BadImageError(
            f"a {image.format} of a kind that is decoded slowly, with more than {_IN_PYTHON:,} pixels; "
            "save it as PNG"
        )


def _check_jpeg(data: bytes | mmap, *, whole: bool) -> None:
    markers = markers_of(data, HEADER_READS)
    if markers is None:
        raise BadImageError(_TOO_MANY_PARTS)
    if markers.exif_blocks > _EXIF_BLOCKS:
        raise BadImageError(f"{markers.exif_blocks:,} EXIF blocks; save it again")
    if not (whole and markers.several_scans):
        return
    scans, most = data[:].count(b"\xff\xda"), min(_MOST_SCANS, _SCANNED // max(1, markers.pixels))
    if scans > most:
        raise BadImageError(f"a JPEG of {scans:,} scans, more than {most:,}; save it again")


def _check_digits(data: bytes | mmap) -> None:
    if len(data) > _DIGITS:
        raise BadImageError(
            f"{len(data):,} bytes of pixels in digits, more than {_DIGITS:,}; save it as PNG"
        )
    if data[:].count(b"#") > _COMMENTS:
        raise BadImageError(_TOO_MANY_PARTS)


def _check_tiff(data: bytes | mmap) -> None:
    directory = directory_of(data, HEADER_READS)
    width, height = directory.tile
    if directory.tags > HEADER_READS:
        raise BadImageError(_TOO_MANY_PARTS)
    if directory.values > _STRIPS:
        raise BadImageError(f"a TIFF of {directory.values:,} strips or tiles; save it again")
    if width * height > _TILE:
        raise BadImageError(f"a TIFF with tiles of {width:,} x {height:,} pixels; save it again")
