"""Allowed image formats, recognised by content; size limits; and names for files that are not images.

File names are not trusted. Only the formats listed below are opened, since every format reader is code
that processes damaged or malicious bytes; sizes are checked before any pixel is decoded.
"""

from __future__ import annotations

import codecs
import functools
import io
import os
import stat
import warnings
from pathlib import Path

from PIL import Image, TiffImagePlugin, UnidentifiedImageError, features

from onestop.errors import BadImageError
from onestop.images.damage import DAMAGE, reason_of
from onestop.images.jpeg import excess_of_jpeg
from onestop.images.tiff import MAGIC, excess_of_tiff
from onestop.images.work import (
    HEADER_READS,
    TOO_MANY_PARTS,
    CountedFile,
    View,
    allow_pixels,
    counted,
    excess_for_python,
    excess_of_digits,
)

# A multi-picture file (MPO) is opened as the JPEG it starts with.
_ALWAYS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .pnm "  # noqa: SIM905
    ".avif .heic .heif".split()
)
"""File name suffixes that are listed as images in a folder."""
MAX_PIXELS = 89_478_485
"""Larger images are refused as decompression bombs (Pillow starts to warn here: 256 MiB of RGB). The
environment variable ONESTOP_MAX_PIXELS sets another limit."""
MAX_BYTES = 2**30
"""Larger files are not opened."""

# Pillow warns about unusual metadata that it can handle; anything else is an exception. Set once, since
# the warning filters are global: changing them around each image would affect other threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_NOT_READ = "{}, which is not supported; convert it to PNG or JPEG"
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
    (b"\x93numpy", "not an image but a numpy array; from Python, pass the array itself"),
    (b"\x00\x00\x00\x0cjxl ", _NOT_READ.format("JPEG XL")),
    (b"\xff\x0a", _NOT_READ.format("JPEG XL")),
    (b"\x00\x00\x00\x0cjp  ", _NOT_READ.format("JPEG 2000")),
    (b"\xff\x4f\xff\x51", _NOT_READ.format("JPEG 2000")),
)
_JPEG = b"\xff\xd8\xff"
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def open_image(source: str | Path | bytes) -> Image.Image:
    """Open an image and read its header; makes all checks that do not need the pixels.

    Raises:
        BadImageError: Not an image, an unsupported format, too many pixels, bytes or parts.
    """
    limit = most_pixels()
    try:
        file = open_counted(source if isinstance(source, bytes) else _regular(source))
        image = Image.open(file, formats=formats())
    except UnidentifiedImageError:
        raise BadImageError(_describe_content(source)) from None
    except Image.DecompressionBombError:
        raise BadImageError(_too_many(limit)) from None
    except DAMAGE as error:
        raise BadImageError(reason_of(error)) from error
    if image.width * image.height > limit:
        image.close()
        raise BadImageError(_too_many(limit))
    if problem := excess_for_python(image):
        image.close()
        raise BadImageError(problem)
    allow_pixels(file, image.width * image.height)
    return image


def open_counted(source: bytes | Path) -> io.BytesIO | CountedFile:
    """A file, or the content of one, for Pillow to read the header from.

    Raises:
        BadImageError: It asks for too much work; the message says what there is too much of.
        OSError: It cannot be opened.
    """
    file = counted(source, BadImageError(TOO_MANY_PARTS))
    data = source if isinstance(source, bytes) else View(file)  # type: ignore[arg-type]
    if problem := _excess(data):
        raise BadImageError(problem)
    file.seek(0)
    # The parts of a JPEG are counted already, and this is the case that should be fastest.
    return io.BytesIO(data) if isinstance(data, bytes) and data.startswith(_JPEG) else file


def _excess(data: bytes | View) -> str:
    """What a file has too much of; empty if there is nothing. Of one on disk, in its header."""
    start, whole = data[:4], isinstance(data, bytes)
    if start.startswith(_JPEG):
        return excess_of_jpeg(data, HEADER_READS, whole=whole)
    if start in MAGIC:
        return excess_of_tiff(data)
    return excess_of_digits(data) if isinstance(data, bytes) else ""


def read_file(path: str | Path) -> bytes:
    """Read an image file.

    Raises:
        BadImageError: Missing, not a regular file, empty, or too large.
    """
    try:
        return _regular(path).read_bytes()
    except OSError as error:
        raise BadImageError(reason_of(error)) from error


def first_bytes(path: str | Path, count: int) -> bytes:
    """The first bytes of an image file.

    Raises:
        BadImageError: As `read_file`.
    """
    try:
        with _regular(path).open("rb", buffering=0) as file:
            return file.read(count)
    except OSError as error:
        raise BadImageError(reason_of(error)) from error


@functools.cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the supported formats; AVIF and HEIF only if their decoders are installed."""
    supported = list(_ALWAYS)
    if features.check("avif"):
        supported.append("AVIF")
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return tuple(supported)
    register_heif_opener()
    return (*supported, "HEIF")


def decoders() -> str:
    """The versions of the libraries that decode images, besides Pillow's and simplejpeg's own."""
    names = ("jpg", "libjpeg_turbo", "zlib", "zlib_ng", "webp", "libtiff", "avif")
    versions = {name: features.version(name) for name in names}
    if "HEIF" in formats():
        import pillow_heif

        versions |= {"pillow_heif": pillow_heif.__version__, "heif": pillow_heif.libheif_version()}
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def limits() -> str:
    """What decides, besides its content and the decoders, whether a file is read."""
    return f"{most_pixels()} pixels, {MAX_BYTES} bytes, {' '.join(formats())}"


def most_pixels() -> int:
    """The maximum number of pixels an image may have."""
    text = os.environ.get("ONESTOP_MAX_PIXELS", "")
    if not text.isdecimal():
        return MAX_PIXELS
    limit = int(text)
    if Image.MAX_IMAGE_PIXELS is not None and limit > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limit  # Pillow has its own limit
    return limit


def _too_many(limit: int) -> str:
    return f"more than {limit:,} pixels (ONESTOP_MAX_PIXELS sets the limit)"


def _regular(source: str | Path) -> Path:
    path = Path(source)
    try:
        status = path.stat()
    except OSError as error:
        dangling = path.is_symlink() and not path.exists()
        reason = "a link to a missing file" if dangling else reason_of(error)
        raise BadImageError(reason) from error
    if not stat.S_ISREG(status.st_mode):
        raise BadImageError("not a file")  # reading a pipe or device could block forever
    if status.st_size == 0:
        raise BadImageError("empty file")
    if status.st_size > MAX_BYTES:
        raise BadImageError(f"{status.st_size:,} bytes, more than {MAX_BYTES:,}")
    return path


def _describe_content(source: str | Path | bytes) -> str:
    """Describe a file that is not a supported image, from its first bytes."""
    try:
        head = source[:4096] if isinstance(source, bytes) else _head(Path(source))
    except OSError as error:
        return reason_of(error)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for signature, description in _SIGNATURES:
        if start.startswith(signature) or head.lower().startswith(signature):
            return description
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIC_BRANDS and "HEIF" not in formats():
            return "HEIC, which needs pillow-heif: pip install 'onestop-vision[heif]'"
        if head[8:12] in (b"avif", b"avis") and "AVIF" not in formats():
            return "AVIF, which needs a newer Pillow: pip install --upgrade pillow"
    if head[:4] in (b"II*\0", b"MM\0*") and (channels := _channels_of_tiff(head)) > 4:
        return f"a TIFF with {channels} channels; only 1, 3 or 4 are supported"
    is_text = head and _is_text(head)
    return "not an image but text" if is_text else "not an image (or an unsupported format)"


def _is_text(head: bytes) -> bool:
    try:
        # Incremental, since the last character may be cut in half.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _channels_of_tiff(head: bytes) -> int:
    """Samples per pixel (TIFF 6.0, tag 277) if the first directory lies within `head`; else 0."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(head[:8])
        file = io.BytesIO(head)
        file.seek(directory.next)
        directory.load(file)
        return int(directory.get(277, 1))
    except DAMAGE:
        return 0


def name_of(source: str | Path | bytes) -> str:
    """What a file is called where decoding it takes too long."""
    return "an image in memory" if isinstance(source, bytes) else str(source)
