"""Which files are images: told by content, within limits, and what the others are."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.errors import BadImageError
from onestop.images.decode import decode
from onestop.images.formats import SUFFIXES, formats, open_image, read_file
from onestop.images.header import measure
from onestop.images.pillow import Pixels
from tests.reliability.bad_inputs import encoded, png_of_size

RNG = np.random.default_rng(0)
NOISE: Pixels = RNG.integers(0, 256, (24, 16, 3), dtype=np.uint8)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"these are words", "not an image"),
        (b"\0" * 100, "not an image"),
        (EPS, "not an image"),  # Pillow would start Ghostscript
        (encoded(NOISE, "ICO"), "not an image"),
        (encoded(NOISE, "PDF"), "not an image"),
        (png_of_size(30000, 30000), "more than 89,478,485 pixels"),
    ],
    ids=["empty", "text", "zeros", "eps", "ico", "pdf", "bomb"],
)
def test_files_that_are_not_read_say_why(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    for read in (lambda: decode(path, 3), lambda: measure(path)):
        with pytest.raises(BadImageError, match=reason) as caught:
            read()
        assert str(tmp_path) not in str(caught.value)


def test_bytes_of_nothing_are_no_image() -> None:
    with pytest.raises(BadImageError, match="not an image"):
        decode(b"", 3)


def test_the_limit_of_pixels_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as many scripts do
    with pytest.raises(BadImageError, match="pixels"):
        measure(png_of_size(30000, 30000))


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(BadImageError, match="No such file"):
        decode(tmp_path / "none.jpg", 3)
    with pytest.raises(BadImageError, match="not a file"):
        decode(tmp_path, 3)


def test_heic_without_its_reader_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestop.images.formats.formats", lambda: ("JPEG", "PNG"))
    for brand, advice in ((b"heic", "onestop-vision[heif]"), (b"avif", "upgrade pillow")):
        data = b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1" + bytes(60)
        with pytest.raises(BadImageError) as caught:
            decode(data, 3)
        assert advice in str(caught.value)


def test_the_limit_of_pixels_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # put back afterwards
    monkeypatch.setenv("ONESTOP_MAX_PIXELS", "900000000")
    assert measure(png_of_size(30000, 30000)) == (30000, 30000, 3)
    monkeypatch.setenv("ONESTOP_MAX_PIXELS", "10")
    with pytest.raises(BadImageError, match="more than 10 pixels"):
        decode(encoded(NOISE, "PNG"), 3)


def test_a_huge_file_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(encoded(NOISE, "PNG"))
    monkeypatch.setattr("onestop.images.formats.MAX_BYTES", 100)
    for read in (lambda: decode(path, 3), lambda: measure(path)):
        with pytest.raises(BadImageError, match=r"bytes, more than 100"):
            read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path, found = tmp_path / "pipe.jpg", []
    os.mkfifo(path)

    def read() -> None:
        try:
            decode(path, 3)
        except BadImageError as error:
            found.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)
    assert found == ["not a file"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\xef\xbb\xbf  <!DOCTYPE html>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"\x93NUMPY\x01\x00", "array itself"),
        ("wörds".encode(), "but text"),
        (b"\xff\xfe\x00\x01", "not an image"),
    ],
)
def test_what_people_mistake_for_images_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(BadImageError, match=reason):
        open_image(content)


def test_a_picture_of_many_channels_is_told_from_its_header() -> None:
    data = bytearray(encoded(NOISE, "TIFF"))
    place = data.index(struct.pack("<HHI", 277, 3, 1))  # samples per pixel
    data[place + 8 : place + 10] = struct.pack("<H", 7)
    with pytest.raises(BadImageError, match="TIFF with 7 channels"):
        open_image(bytes(data))


def test_a_link_to_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(BadImageError, match="a link to a missing file"):
        read_file(tmp_path / "a.png")


def test_formats_are_pillows_names_and_each_is_read() -> None:
    assert {"JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"} <= set(formats())
    assert {".jpg", ".jpeg", ".png", ".heic"} <= SUFFIXES
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"):
        assert open_image(encoded(NOISE, kind)).format == kind
