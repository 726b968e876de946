"""Limits on the work that a file can ask for: a small file must not keep its reader busy for minutes.

Formats let a file repeat things: markers and scans (JPEG), chunks (PNG), comments (GIF, PGM), strips
and tags (TIFF). Most of them cost Pillow a read or more each, so counting reads bounds them all.
`onestop/images/jpeg.py` and `tiff.py` look for those that cost more. What is left is ended by
`onestop/images/time_limit.py`.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import overload

from PIL import Image, ImageFile

TOO_MANY_PARTS = "made of too many parts (chunks, markers, comments or tags); save it again"
HEADER_READS = 10_000
"""Reads before the pixels; usual images need fewer than a hundred."""
_PIXEL_READS = 100_000, 2, 8_000_000  # of the pixels: at least, per pixel, at most
_IN_PYTHON = 2**22  # pixels, where Pillow decodes one by one: about 4 s
_DIGITS = 2**24  # bytes of an image written in digits: about 4 s
_COMMENTS = 1_000  # Pillow copies a block for each


class _Counted:
    """A file that can be read from so many times only.

    Attributes:
        reads_left: Before the next read fails.
        refusal: The error that it then raises.
    """

    reads_left = HEADER_READS
    refusal: Exception = OSError(TOO_MANY_PARTS)

    def read(self, size: int = -1, /) -> bytes:
        """As usual, or raises `refusal`."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise self.refusal
        content: bytes = super().read(size)  # type: ignore[misc]
        return content


class CountedBytes(_Counted, io.BytesIO):  # type: ignore[misc]
    """A file in memory."""


class CountedFile(_Counted, io.FileIO):  # type: ignore[misc]
    """A file on disk; closed when nobody needs it any more."""

    def __del__(self) -> None:
        self.close()


class View:
    """The bytes of a file on disk by place, as of `bytes`.

    A file that is mapped into memory would do, but ends the process if somebody cuts it meanwhile.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    def __getitem__(self, place: int | slice) -> int | bytes:
        if isinstance(place, int):
            return self[place : place + 1][0]
        start, stop, _ = place.indices(self._size)
        self._file.seek(start)
        return io.FileIO.read(self._file, max(0, stop - start))  # not counted


def counted(source: bytes | Path, refusal: Exception) -> CountedBytes | CountedFile:
    """A file, or the content of one, that raises `refusal` when it is read from too often."""
    file = CountedBytes(source) if isinstance(source, bytes) else CountedFile(source)
    file.refusal = refusal
    return file


def allow_pixels(file: io.BytesIO | CountedFile, count: int) -> None:
    """Allow the reads that the `count` pixels of an image may need."""
    least, each, most = _PIXEL_READS
    if isinstance(file, _Counted):
        file.reads_left = min(most, least + each * count)


def excess_of_digits(data: bytes) -> str:
    """What a PBM, PGM or PPM in digits has too much of; empty for others."""
    if not re.match(rb"P[123][\s#]", data[:4]):
        return ""
    if len(data) > _DIGITS:
        return f"{len(data):,} bytes of pixels in digits, more than {_DIGITS:,}; save it as PNG"
    return TOO_MANY_PARTS if data.count(b"#") > _COMMENTS else ""


def excess_for_python(image: Image.Image) -> str:
    """Why a large image of a kind that Pillow decodes in Python takes too long; empty for others.

    Those are compressed BMPs, and PGMs and PPMs in digits or with an unusual depth.
    """
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else ()
    if image.width * image.height <= _IN_PYTHON or all(t[0] not in Image.DECODERS for t in tiles):
        return ""
    return (
        f"a {image.format} of a kind that is decoded slowly, with more than {_IN_PYTHON:,} pixels; "
        "save it as PNG"
    )
