"""Which files are images: the formats on the list, told by content; limits; and what others are.

A file's name promises nothing. Only formats on the list below are ever opened, since every reader of a
format is code that damaged or malicious bytes run through, and sizes are checked before a pixel is
decoded.
"""

from __future__ import annotations

import codecs
import functools
import io
import os
import stat
import struct
import warnings
from pathlib import Path

from PIL import Image, TiffImagePlugin, UnidentifiedImageError, features

from onestop.errors import BadImageError

# Two pictures in one file (MPO) are opened as the JPEG that such a file begins with.
_ALWAYS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .pnm "  # noqa: SIM905
    ".avif .heic .heif".split()
)
"""Names that look like an image's, and are listed as one in a folder."""
MAX_PIXELS = 89_478_485
"""More than this is refused as a decompression bomb (where Pillow begins to warn of them: 256 MiB of
colours). The variable ONESTOP_MAX_PIXELS sets another limit."""
MAX_BYTES = 2**30
"""No larger file is opened."""

# What Pillow raises on damaged files: its own errors are OSErrors, its format readers raise the rest.
DAMAGE = (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError,
          OverflowError, ArithmeticError, AttributeError, RuntimeError, MemoryError,
          struct.error, Warning)  # fmt: skip
# Pillow warns of odd metadata it can live with; what it cannot live with it raises. Set once: a
# thread that changes the filters around each image would disturb those of all other threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_NOT_READ = "{}, which is not read; convert it to PNG or JPEG"
_SIGNATURES = (
    (b"version https://git-lfs", "not an image but a git-lfs pointer; run: git lfs pull"),
    (b"<!doctype html", "not an image but a web page"),
    (b"<html", "not an image but a web page"),
    (b"<?xml", "not an image of pixels but SVG or other XML"),
    (b"<svg", "not an image of pixels but SVG"),
    (b"%pdf", "not an image but a PDF"),
    (b"%!ps", "not an image but PostScript"),
    (b"\xc5\xd0\xd3\xc6", "not an image but PostScript"),
    (b"8bps", _NOT_READ.format("a Photoshop file")),
    (b"\x93numpy", "not an image but a numpy array; from Python, give the array itself"),
    (b"\x00\x00\x00\x0cjxl ", _NOT_READ.format("JPEG XL")),
    (b"\xff\x0a", _NOT_READ.format("JPEG XL")),
    (b"\x00\x00\x00\x0cjp  ", _NOT_READ.format("JPEG 2000")),
    (b"\xff\x4f\xff\x51", _NOT_READ.format("JPEG 2000")),
)
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def open_image(source: str | Path | bytes) -> Image.Image:
    """Open the header of an image; every refusal that needs no pixels is made here.

    Raises:
        BadImageError: No image, of a format not on the list, too many pixels or bytes.
    """
    most = most_pixels()
    try:
        file = _file(source)
        image = Image.open(file, formats=formats())
    except UnidentifiedImageError:
        raise BadImageError(_what_it_is(source)) from None
    except Image.DecompressionBombError:
        raise BadImageError(_too_many(most)) from None
    except DAMAGE as error:
        raise BadImageError(reason_of(error)) from error
    if image.width * image.height > most:
        image.close()
        raise BadImageError(_too_many(most))
    return image


def read_file(path: str | Path) -> bytes:
    """The bytes of an image file.

    Raises:
        BadImageError: No file, empty, or too large.
    """
    try:
        return Path(_file(path)).read_bytes()  # type: ignore[arg-type]
    except OSError as error:
        raise BadImageError(reason_of(error)) from error


@functools.cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read here: some need a part that may be missing."""
    found = list(_ALWAYS)
    if features.check("avif"):
        found.append("AVIF")
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return tuple(found)
    register_heif_opener()
    return (*found, "HEIF")


def most_pixels() -> int:
    """The largest number of pixels an image may have."""
    text = os.environ.get("ONESTOP_MAX_PIXELS", "")
    if not text.isdecimal():
        return MAX_PIXELS
    asked = int(text)
    if Image.MAX_IMAGE_PIXELS is not None and asked > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = asked  # Pillow has a limit of its own
    return asked


def _too_many(most: int) -> str:
    return f"more than {most:,} pixels (ONESTOP_MAX_PIXELS sets the limit)"


def reason_of(error: BaseException) -> str:
    """What an error of Pillow or the system says, without the name of the file."""
    text = getattr(error, "strerror", None) or str(error).split(" '")[0].split(" <")[0]
    return text or type(error).__name__


def _file(source: str | Path | bytes) -> str | Path | io.BytesIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    path = Path(source)
    try:
        status = path.stat()
    except OSError as error:
        dangling = path.is_symlink() and not path.exists()
        reason = "a link to a file that is not there" if dangling else reason_of(error)
        raise BadImageError(reason) from error
    if not stat.S_ISREG(status.st_mode):
        raise BadImageError("not a file")  # a pipe or device could block for ever
    if status.st_size == 0:
        raise BadImageError("empty file")
    if status.st_size > MAX_BYTES:
        raise BadImageError(f"{status.st_size:,} bytes, more than {MAX_BYTES:,}")
    return source


def _what_it_is(source: str | Path | bytes) -> str:
    """In words what a file is that is no image on the list, as far as its first bytes tell."""
    try:
        head = source[:4096] if isinstance(source, bytes) else _head(Path(source))
    except OSError as error:
        return reason_of(error)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for signature, what in _SIGNATURES:
        if start.startswith(signature) or head.lower().startswith(signature):
            return what
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIC_BRANDS and "HEIF" not in formats():
            return "HEIC, which needs pillow-heif: pip install 'onestop-vision[heif]'"
        if head[8:12] in (b"avif", b"avis") and "AVIF" not in formats():
            return "AVIF, which needs a newer Pillow: pip install --upgrade pillow"
    if head[:4] in (b"II*\0", b"MM\0*") and (channels := _channels_of_tiff(head)) > 4:
        return f"a TIFF of {channels} channels; images of 1, 3 or 4 are read"
    known = head and _is_text(head)
    return "not an image but text" if known else "not an image (or of a format that is not read)"


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # its end may be half a letter
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _channels_of_tiff(head: bytes) -> int:
    """Samples per pixel (TIFF 6.0, tag 277) where the first directory is near the front; else 0."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(head[:8])
        file = io.BytesIO(head)
        file.seek(directory.next)
        directory.load(file)
        return int(directory.get(277, 1))
    except DAMAGE:
        return 0
