"""Files that people have in their folders of images, and what is to happen with each.

    python -m tests.reliability.bad_inputs FOLDER

writes all of them into a new folder, nothing downloaded, so that any program can be tried on them. The
numbers are those of the list in `docs/reliability.md`.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

Verdict = Literal["skipped", "read"]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class BadFile:
    """A file, and whether it is to be read or skipped.

    Attributes:
        number: In the list.
        name: Of the file.
        make: Its content, or a function that puts something there that is no plain file.
        verdict: What is to happen to it.
        said: Part of the reason for skipping it, or of the remark on reading it all the same.
    """

    number: int
    name: str
    make: bytes | Callable[[Path], object]
    verdict: Verdict
    said: str = ""


def bad_files() -> list[BadFile]:
    """All of them."""
    return list(_all())


def write_all(folder: Path) -> dict[str, BadFile]:
    """Put each bad file into a folder; those that the system cannot have are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for file in bad_files():
        path = folder / file.name
        try:
            if isinstance(file.make, bytes):
                path.write_bytes(file.make)
            else:
                file.make(path)
        except (OSError, ValueError, AttributeError):
            continue
        written[file.name] = file
    return written


def picture(seed: int = 0, height: int = 40, width: int = 48) -> Pixels:
    """Something like a photograph: smooth, with edges, in colour."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def encoded(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """An image as the bytes of a file."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(np.ascontiguousarray(image))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _all() -> Iterator[BadFile]:
    yield from _no_images()
    yield from _cut_and_damaged()
    yield from _sizes()
    yield from _channels()
    yield from _frames_and_turns()
    yield from _other_formats()
    yield from _names_and_links()


def _no_images() -> Iterator[BadFile]:
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    page = b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"
    yield BadFile(1, "empty.jpg", b"", "skipped", "empty file")
    yield BadFile(2, "one_byte.jpg", b"\xff", "skipped", "not an image")
    yield BadFile(3, "text.jpg", b"These are words.\n", "skipped", "not an image but text")
    yield BadFile(4, "page.jpg", page, "skipped", "web page")
    yield BadFile(5, "pointer.jpg", lfs, "skipped", "git lfs pull")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\nshowpage\n%%EOF\n"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    yield BadFile(13, "eps.png", eps, "skipped", "PostScript")
    yield BadFile(13, "pdf.png", encoded(picture(), "PDF"), "skipped", "PDF")
    yield BadFile(13, "psd.png", b"8BPS\0\1" + bytes(40), "skipped", "Photoshop")
    yield BadFile(13, "svg.png", svg, "skipped", "SVG")
    values = np.full((8, 8), np.nan)
    array = io.BytesIO()
    np.save(array, values)
    yield BadFile(36, "nan.npy", array.getvalue(), "skipped", ".npy is not an image")
    yield BadFile(36, "nan_array.png", array.getvalue(), "skipped", "numpy array")
    header = b"\x93NUMPY\x01\x00"
    about = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    evil = pickle.dumps(_Evil())
    content = header + struct.pack("<H", len(about)) + about + evil
    yield BadFile(37, "objects.npy", content, "skipped", ".npy is not an image")
    yield BadFile(37, "objects.png", content, "skipped", "numpy array")


class _Evil:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def _cut_and_damaged() -> Iterator[BadFile]:
    jpeg, png = encoded(picture(1, 96, 96), "JPEG", quality=95), encoded(picture(1), "PNG")
    for percent in (10, 50, 99):
        cut = jpeg[: len(jpeg) * percent // 100]
        yield BadFile(6, f"cut_{percent}.jpg", cut, "skipped", "")
    yield BadFile(7, "cut.png", png[: len(png) // 2], "skipped", "damaged")
    broken = bytearray(png)
    broken[png.index(b"IDAT") + 40] ^= 0xFF
    yield BadFile(8, "bad_checksum.png", bytes(broken), "skipped", "damaged")
    yield BadFile(9, "garbage_in_scan.jpg", _garbage(jpeg), "read", "damaged in part")
    yield BadFile(10, "no_end.jpg", jpeg[:-2], "read", "no end marker")
    yield BadFile(11, "and_a_zip.jpg", jpeg + b"PK\3\4" + bytes(500), "read")
    yield BadFile(12, "png_called.jpg", png, "read")
    yield BadFile(12, "jpeg_called.png", jpeg, "read")


def _garbage(jpeg: bytes) -> bytes:
    """A JPEG with some bytes in the middle replaced, which Pillow reads without a word."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        noise = bytes(byte for byte in rng.bytes(60) if byte != 0xFF)
        middle = len(jpeg) // 2
        broken = jpeg[:middle] + noise + jpeg[middle + len(noise) :]
        try:
            with Image.open(io.BytesIO(broken)) as image:
                image.load()
        except OSError:
            continue
        return broken
    raise AssertionError("Pillow refuses all of them")


def _sizes() -> Iterator[BadFile]:
    yield BadFile(14, "bomb.png", png_of_size(30000, 30000), "skipped", "pixels")
    yield BadFile(15, "small_bomb.png", png_of_size(11000, 11000), "skipped", "pixels")
    yield BadFile(16, "one_pixel.png", encoded(picture()[:1, :1], "PNG"), "read")
    yield BadFile(17, "strip.png", encoded(picture(2, 1, 20000), "PNG"), "read")
    yield BadFile(17, "column.png", encoded(picture(2, 20000, 1), "PNG"), "read")
    yield BadFile(18, "smaller.png", encoded(picture(3, 3, 3), "PNG"), "read")


def _channels() -> Iterator[BadFile]:
    color = Image.fromarray(picture(4))
    grey = color.convert("L")
    alpha = Image.fromarray(np.tile(np.arange(48, dtype=np.uint8) * 5, (40, 1)))
    see_through = color.copy()
    see_through.putalpha(alpha)
    cmyk = encoded(color.convert("CMYK"), "JPEG")
    marker = cmyk.index(b"Adobe") + 11  # the transform: 0 is CMYK, 2 is YCCK
    yield BadFile(19, "cmyk.jpg", cmyk, "read")
    yield BadFile(19, "cmyk.tif", encoded(color.convert("CMYK"), "TIFF"), "read")
    yield BadFile(20, "ycck.jpg", cmyk[:marker] + b"\2" + cmyk[marker + 1 :], "read")
    yield BadFile(21, "grey.jpg", encoded(grey, "JPEG"), "read")
    yield BadFile(22, "grey_alpha.png", encoded(Image.merge("LA", (grey, alpha)), "PNG"), "read")
    yield BadFile(22, "alpha.png", encoded(see_through, "PNG"), "read")
    yield BadFile(23, "palette.png", encoded(color.quantize(16), "PNG"), "read")
    see_palette = encoded(color.quantize(16), "PNG", transparency=3)
    yield BadFile(23, "palette_alpha.png", see_palette, "read")
    yield BadFile(24, "one_bit.png", encoded(color.convert("1"), "PNG"), "read")
    deep = (np.asarray(grey).astype(np.uint16) << 8) + 7
    yield BadFile(25, "sixteen.png", encoded(deep, "PNG"), "read")
    yield BadFile(25, "sixteen.tif", encoded(deep, "TIFF"), "read")
    for name, value in (("nan", np.nan), ("infinite", np.inf)):
        floats = np.asarray(grey).astype(np.float32) / 255
        floats[3, 3] = value
        yield BadFile(26, f"{name}.tif", encoded(floats, "TIFF"), "skipped", "NaN or infinite")
    yield BadFile(27, "five_channels.tif", _tiff_of_channels(5), "skipped", "5 channels")
    yield BadFile(35, "constant.png", encoded(np.full((9, 9, 3), 80, np.uint8), "PNG"), "read")


def _frames_and_turns() -> Iterator[BadFile]:
    frames = [Image.fromarray(picture(seed)) for seed in (5, 6, 7)]
    several: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    for number, name, kind in (
        (28, "moving.gif", "GIF"), (28, "moving.webp", "WEBP"), (28, "moving.png", "PNG"),
        (29, "pages.tif", "TIFF"),
    ):  # fmt: skip
        what = "page" if kind == "TIFF" else "frame"
        content = encoded(frames[0], kind, **several)
        yield BadFile(number, name, content, "read", f"first {what}")
    for value in (*range(10), 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        yield BadFile(30, f"turned_{value}.jpg", encoded(frames[0], "JPEG", exif=exif), "read")
    entry = struct.pack("<HHHI4s", 1, 0x0112, 2, 3, b"up")  # a word instead of a number
    words = b"Exif\0\0II*\0" + struct.pack("<I", 8) + entry + bytes(4)
    yield BadFile(30, "turned_in_words.jpg", encoded(frames[0], "JPEG", exif=words), "read")
    noise = np.random.default_rng(0).bytes(4000)
    yield BadFile(31, "odd_exif.jpg", encoded(frames[0], "JPEG", exif=b"Exif\0\0" + noise), "read")
    yield BadFile(31, "odd_profile.jpg", encoded(frames[0], "JPEG", icc_profile=noise), "read")
    huge = bytes(10_000_000)
    yield BadFile(31, "huge_exif.webp", encoded(frames[0], "WEBP", exif=b"Exif\0\0" + huge), "read")
    png = encoded(frames[0], "PNG")
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + huge.replace(b"\0", b" "))
    yield BadFile(31, "huge_xmp.png", png[:33] + xmp + png[33:], "read")


def _other_formats() -> Iterator[BadFile]:
    color = Image.fromarray(picture(8))
    brand = b"\0\0\0\x1cftyp"
    yield BadFile(32, "empty.heic", brand + b"heic\0\0\0\0mif1heic" + bytes(40), "skipped", "")
    if features.check("avif"):
        yield BadFile(32, "whole.avif", encoded(color, "AVIF"), "read")
    jxl = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)
    yield BadFile(32, "picture.jxl", jxl, "skipped", "convert it")
    yield BadFile(32, "jxl_called.jpg", jxl, "skipped", "JPEG XL")
    jpeg = encoded(color, "JPEG", progressive=True)
    yield BadFile(33, "progressive.jpg", jpeg, "read")
    start = encoded(color, "JPEG")
    at = start.index(b"\xff\xc0")
    arithmetic = start[: at + 1] + b"\xc9" + start[at + 2 :]
    yield BadFile(33, "arithmetic.jpg", arithmetic, "read", "damaged in part")
    twelve = start[: at + 4] + b"\x0c" + start[at + 5 :]
    yield BadFile(33, "twelve_bits.jpg", twelve, "skipped", "")
    yield BadFile(34, "tiles.jp2", _jpeg_2000(), "skipped", "convert it")
    yield BadFile(34, "tiles.png", _jpeg_2000(), "skipped", "JPEG 2000")


def _names_and_links() -> Iterator[BadFile]:
    good = encoded(picture(9), "JPEG")
    names = (
        (48, "with space.jpg"), (48, "it's \"quoted\".jpg"), (48, "new\nline.jpg"), (48, "🐜.jpg"),
        (48, "שלום.jpg"), (48, "-dash.jpg"), (48, "=cmd().jpg"), (48, "<b>&amp;.jpg"),
        (49, os.fsdecode(b"byte\xff\xfe.jpg")), (50, "n" * 251 + ".jpg"),
    )  # fmt: skip
    for number, name in names:
        yield BadFile(number, name, good, "read")
    yield BadFile(53, "dangling.jpg", lambda path: path.symlink_to("nowhere"), "skipped", "a link")
    yield BadFile(55, "pipe.jpg", os.mkfifo, "skipped", "not a file")
    device = Path("/dev/zero")
    yield BadFile(55, "device.jpg", lambda path: path.symlink_to(device), "skipped", "not a file")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG (W3C, Portable Network Graphics, 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims a size and holds next to nothing."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


def _tiff_of_channels(channels: int, side: int = 8) -> bytes:
    """An uncompressed TIFF of many channels, as satellites make them (TIFF 6.0, section 2)."""
    data = (bytes(range(256)) * (side * side * channels // 256 + 1))[: side * side * channels]
    bits = struct.pack(f"<{channels}H", *[8] * channels)
    tags = 9
    start = 8 + 2 + 12 * tags + 4  # of the pixels, behind the directory; then their bits
    values = (
        (256, 3, 1, side), (257, 3, 1, side), (258, 3, channels, start + len(data)),
        (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, start), (277, 3, 1, channels),
        (278, 3, 1, side), (279, 4, 1, len(data)),
    )  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *value) for value in values)
    head = b"II*\0" + struct.pack("<IH", 8, tags) + directory + struct.pack("<I", 0)
    return head + data + bits


def _jpeg_2000() -> bytes:
    """A header that claims tiles of a thousand million pixels."""
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
    size = struct.pack(">HIIIIIIIIH", 0, 2**31, 2**31, 0, 0, 2**31, 2**31, 0, 0, 3)
    return start + b"\xff\x4f\xff\x51\0\x2f" + size + bytes(100)


def main() -> None:
    """Write them all."""
    folder = Path(sys.argv[1])
    if folder.exists():
        raise SystemExit(f"{folder}: exists; name a new folder")
    for name, file in write_all(folder).items():
        print(f"{file.number:2} {file.verdict:8} {name!r} {file.said}")


if __name__ == "__main__":
    main()
