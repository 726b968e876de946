"""Limits on the work that a file can ask for, and what stays below them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.errors import BadImageError
from onestop.images import work
from onestop.images.decode import decode
from onestop.images.formats import open_counted
from onestop.images.header import measure
from onestop.images.work import (
    HEADER_READS,
    CountedBytes,
    CountedFile,
    allow_pixels,
    excess_for_python,
)
from tests.reliability import slow_files
from tests.reliability.bad_inputs import encoded

NOISE = np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_usual_files_need_few_reads(kind: str) -> None:
    file = open_counted(encoded(NOISE, kind))
    assert isinstance(file, CountedBytes)
    Image.open(file).load()
    assert HEADER_READS - file.reads_left < 200


def test_a_file_that_is_read_too_often_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(NOISE, "PNG"))
    for file in (open_counted(path.read_bytes()), open_counted(path)):
        assert isinstance(file, CountedBytes | CountedFile)
        file.reads_left = 2
        assert len(file.read(4)) == 4
        file.seek(0)
        assert len(file.read()) == path.stat().st_size
        with pytest.raises(BadImageError, match="made of too many parts"):
            file.read(1)


def test_a_file_on_disk_is_closed_when_nobody_needs_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(NOISE, "PNG"))
    descriptor = open_counted(path).fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        io.FileIO(descriptor, closefd=False).seek(0)


@pytest.mark.parametrize(
    ("pixels", "reads"), [(1, 100_002), (10**6, 2_100_000), (10**9, 8_000_000)]
)
def test_more_pixels_allow_more_reads(pixels: int, reads: int) -> None:
    file = CountedBytes(b"")
    allow_pixels(file, pixels)
    assert file.reads_left == reads
    allow_pixels(io.BytesIO(), pixels)  # a JPEG is not counted


@pytest.mark.parametrize(
    ("scans", "side", "allowed"),
    [(499, 64, True), (501, 64, False), (225, 9400, True), (226, 9400, False)],
)
def test_scans_are_limited_by_number_and_by_pixels(scans: int, side: int, allowed: bool) -> None:
    data = slow_files.scan_bomb(scans, side)  # and one scan before these
    if allowed:
        open_counted(data)
        return
    with pytest.raises(BadImageError, match=f"a JPEG of {scans + 1} scans, more than"):
        open_counted(data)


def test_bytes_that_look_like_scans_do_not_count_in_a_jpeg_of_one_scan() -> None:
    data = encoded(NOISE, "JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", 2002) + b"\xff\xda" * 1000
    assert decode(data[:2] + comment + data[2:], 3).shape == (24, 16, 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 100}])
def test_usual_jpegs_pass(options: dict[str, int]) -> None:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", **options)
    assert type(open_counted(file.getvalue())) is io.BytesIO, "its parts are counted already"


@pytest.mark.parametrize("count", [1, 90])
def test_a_few_exif_blocks_and_comments_pass(count: int) -> None:
    data = encoded(NOISE, "JPEG")
    blocks = (b"\xff\xe1\0\x0cExif\0\0abcd" + b"\xff\xfe\0\x03a") * count
    assert decode(data[:2] + blocks + data[2:], 3).shape == (24, 16, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P3 1 1 255 " + b"1 " * 2**23, "bytes of pixels in digits, more than 16,777,216"),
        (b"P2\n8 8\n255\n" + b"#\n" * 1001 + b"1 " * 64, "too many parts"),
        (b"P1#a\n8 8\n" + b"#\n" * 1001 + b"1" * 64, "too many parts"),
    ],
)
def test_images_in_digits_are_limited(data: bytes, message: str) -> None:
    with pytest.raises(BadImageError, match=message):
        decode(data, 3)


def test_a_few_comments_in_an_image_in_digits_pass() -> None:
    pixels = decode(b"P2\n# made by hand\n2 2\n255\n1 2 # first row\n3 4\n", 1)
    assert pixels[..., 0].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "make",
    [
        lambda side: b"P5\n%d %d\n100\n" % (side, side) + bytes(side**2),
        lambda side: slow_files._bmp_rle(side, side, b"\0\1"),
    ],
    ids=["PGM of unusual depth", "compressed BMP"],
)
def test_large_images_that_are_decoded_in_python_are_refused(
    make: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_IN_PYTHON", 64 * 64)
    assert excess_for_python(Image.open(io.BytesIO(make(64)))) == ""
    with pytest.raises(BadImageError, match="decoded slowly, with more than 4,096 pixels"):
        measure(make(65))
    measure(encoded(np.zeros((80, 80, 3), np.uint8), "BMP"))


def test_an_image_in_memory_has_no_decoder() -> None:
    assert excess_for_python(Image.new("L", (3000, 3000))) == ""


def test_tiffs_are_limited_in_tags_strips_and_tiles() -> None:
    for make, message in (
        (slow_files._tiff_tile, "tiles of 60,000 x 60,000 pixels"),
        (lambda: slow_files._tiff_strips(500_001), "500,001 strips or tiles"),
    ):
        with pytest.raises(BadImageError, match=message):
            measure(make())


def test_a_path_is_checked_as_its_content_is(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(slow_files._tiff_tile())
    with pytest.raises(BadImageError, match="tiles of 60,000"):
        measure(path)
