"""Memory that reading one image takes, in bytes per pixel: each mode in a process of its own."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, features

from tests.conftest import REPOSITORY

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's counters"),
]
SIDE = 4000
PER_PIXEL = {"WebP": 17.0, "PNG of 16 bits": 12.0, "PNG of 16 bits with alpha": 12.0}
"""Bytes; docs/sources.md and docs/reliability.md state these."""
USUAL = 10.0
ONCE = 2**24  # bytes, of a strip

READ = """
import sys
from pathlib import Path
from onestop.images.decode import decode
from onestop.runtime.memory import _kilobytes
status = Path("/proc/self/status")
decode(sys.argv[2], int(sys.argv[3]))
Path("/proc/self/clear_refs").write_text("5")
before = _kilobytes(status, "VmRSS")
decode(sys.argv[1], int(sys.argv[3]))
print(_kilobytes(status, "VmHWM") - before)
"""


def saved(mode: str, kind: str, **options: object) -> bytes:
    image = Image.new("RGB" if mode == "P" else mode, (SIDE, SIDE))
    file = io.BytesIO()
    (image.quantize(8) if mode == "P" else image).save(file, kind, **options)
    return file.getvalue()


def png_of_sixteen_bits(kind: int, channels: int) -> bytes:
    packer = zlib.compressobj(1)
    row = b"\0" + b"\x12\x34" * (SIDE * channels)
    pixels = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def turned(mode: str, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(mode, kind, exif=exif)


CASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG": ("JPEG", lambda: saved("RGB", "JPEG")),
    "progressive JPEG": ("JPEG", lambda: saved("RGB", "JPEG", progressive=True, subsampling=0)),
    "grey JPEG": ("JPEG", lambda: saved("L", "JPEG")),
    "CMYK JPEG": ("JPEG", lambda: saved("CMYK", "JPEG")),
    "turned JPEG": ("JPEG", lambda: turned("RGB", "JPEG")),
    "PNG": ("PNG", lambda: saved("RGB", "PNG")),
    "PNG with alpha": ("PNG", lambda: saved("RGBA", "PNG")),
    "grey PNG with alpha": ("PNG", lambda: saved("LA", "PNG")),
    "PNG with a palette": ("PNG", lambda: saved("P", "PNG", transparency=bytes(8))),
    "turned PNG": ("PNG", lambda: turned("RGB", "PNG")),
    "PNG of 16 bits": ("PNG", lambda: png_of_sixteen_bits(2, 3)),
    "PNG of 16 bits with alpha": ("PNG", lambda: png_of_sixteen_bits(6, 4)),
    "CMYK TIFF": ("TIFF", lambda: saved("CMYK", "TIFF", compression="tiff_deflate")),
    "turned TIFF": ("TIFF", lambda: turned("RGB", "TIFF")),
    "TIFF of one bit": ("TIFF", lambda: saved("1", "TIFF", compression="group4")),
    "GIF": ("GIF", lambda: saved("P", "GIF")),
    "WebP": ("WEBP", lambda: saved("RGB", "WEBP", method=0)),
    "AVIF": ("AVIF", lambda: saved("RGB", "AVIF", speed=10)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_image_takes_no_more_than_is_stated(name: str, tmp_path: Path) -> None:
    kind, make = CASES[name]
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("no AVIF here")
    path, small = tmp_path / "large", tmp_path / "small"
    path.write_bytes(make())
    Image.new("RGB", (8, 8)).save(small, kind)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(small), "3"],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    used = int(done.stdout) - path.stat().st_size - ONCE
    assert used / SIDE**2 < PER_PIXEL.get(name, USUAL)
