"""Images are told by their first bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image, features

from onestop.images.sniff import format_in, format_of, is_image

FORMATS = {
    "JPEG": "JPEG", "PNG": "PNG", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF", "WEBP": "WEBP",
    "PPM": "PPM",
}  # fmt: skip


def written(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (3, 2), 7 if mode == "L" else (9, 8, 7)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_what_pillow_writes_is_told(kind: str, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(written(kind))
    assert format_of(tmp_path / "photo") == FORMATS[kind]
    assert is_image(tmp_path / "photo")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_told() -> None:
    assert format_in(written("AVIF")) == "AVIF"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"BMW and Audi", b"BM" + bytes(40), b"P5 people", b"P7\nWIDTH 3", b"RIFF....WAVE",
        b"path,label\n", b"\0\0\0 ftypmp42", b"%PDF-1.4", b"GIF90a", b"\x89PNG\n", b"PK\3\4",
    ],
)  # fmt: skip
def test_what_is_none_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert format_of(tmp_path / "file") == ""


def test_a_suffix_of_an_image_is_believed_until_it_is_opened(tmp_path: Path) -> None:
    assert is_image(tmp_path / "not there.JPG")


@pytest.mark.parametrize(
    ("name", "image"), [("a.dat", True), ("a.jpg_large", True), ("a.bak", True)]
)
def test_other_suffixes_say_nothing(name: str, image: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(written("JPEG"))
    assert is_image(tmp_path / name) is image


@pytest.mark.parametrize("name", ["photo.NEF", "photo.dng", "slide.svs"])
def test_raw_photographs_are_tiff_inside_and_are_no_images_here(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(written("TIFF"))
    assert not is_image(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_image(tmp_path / "pipe")  # would wait for ever
