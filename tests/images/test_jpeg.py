"""JPEGs: the same bits as Pillow, and a word on what is wrong with one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onestop
from onestop.errors import BadImageError
from onestop.images.decode import decode, from_pillow
from onestop.images.header import header
from onestop.images.jpeg import Markers, completed, damage_in, markers_of, sound_pixels
from onestop.images.pillow import Pixels
from tests.reliability.bad_inputs import bad_files, encoded, picture

RNG = np.random.default_rng(0)
NOISE: Pixels = RNG.integers(0, 256, (24, 16, 3), dtype=np.uint8)
ORIENTATION = 0x0112


def tagged(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"quality": 1}, {"quality": 100, "subsampling": 0}, {"subsampling": 1},
        {"progressive": True}, {"restart_marker_blocks": 2}, {"keep_rgb": True}, {"optimize": True},
    ],
    ids=str,
)  # fmt: skip
def test_the_bits_of_a_jpeg_are_those_of_pillow(
    options: dict[str, Any], channels: int, orientation: int
) -> None:
    for height, width in ((1, 1), (8, 16), (33, 47), (64, 17)):
        pixels = picture(height, height, width)
        data = encoded(pixels, "JPEG", exif=tagged(orientation), **options)
        assert sound_pixels(data) is not None, "the fast way is taken"
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(decode(data, channels), from_pillow(image, channels))


def test_a_jpeg_damaged_in_part_is_read_with_a_remark() -> None:
    data, said = encoded(picture(1, 96, 96), "JPEG", quality=95), list[str]()
    decode(data, 3, said.append)
    assert said == []
    (broken,) = (file.make for file in bad_files() if file.name == "garbage_in_scan.jpg")
    assert isinstance(broken, bytes)
    assert decode(broken, 3, said.append).shape == (96, 96, 3)
    assert [remark.startswith("damaged in part (") for remark in said] == [True]


def test_a_jpeg_without_its_end_is_whole_only_where_another_decoder_says_so() -> None:
    data, said = encoded(NOISE, "JPEG", quality=95), list[str]()
    np.testing.assert_array_equal(decode(data[:-2], 3, said.append), decode(data, 3))
    assert said == ["has no end marker; all its pixels are there"]
    with pytest.raises(BadImageError, match="truncated"):
        decode(data[:-12], 3)


def test_a_sound_file_has_no_damage_and_is_complete() -> None:
    data = encoded(picture(), "JPEG", quality=95)
    assert damage_in(data) == ""
    assert completed(data) is None, "nothing is missing"
    assert completed(data[:-2]) == data
    assert completed(data[: len(data) // 2]) is None, "more than the end is missing"


def test_other_files_have_neither_pixels_nor_damage() -> None:
    assert sound_pixels(b"no JPEG") is None
    assert damage_in(b"no JPEG") == "", "it cannot be read at all"


@pytest.mark.parametrize(
    ("options", "several"),
    [({}, False), ({"progressive": True}, True), ({"subsampling": 2}, False)],
)
def test_the_markers_before_the_first_scan(options: dict[str, Any], several: bool) -> None:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", exif=tagged(6), comment=b"hello", **options)
    assert markers_of(file.getvalue(), 100) == Markers(24 * 16, several, 1)
    assert markers_of(file.getvalue(), 3) is None


def test_bytes_between_markers_are_counted() -> None:
    data = encoded(NOISE, "JPEG")
    padded = data[:2] + b"\xff" * 50 + data[2:]
    assert markers_of(padded, 100) == markers_of(data, 100) == Markers(24 * 16)
    assert markers_of(padded, 50) is None


@pytest.mark.parametrize("length", [0, 2, 5, 20, 160])
def test_the_markers_of_half_a_file_are_those_that_are_there(length: int) -> None:
    markers = markers_of(encoded(NOISE, "JPEG")[:length], 100)
    assert markers is not None
    assert markers.exif_blocks == 0


def multi_picture() -> bytes:
    """What many cameras write: a photograph with a preview behind it."""
    file = io.BytesIO()
    image = Image.fromarray(NOISE)
    image.save(file, "MPO", save_all=True, append_images=[image.resize((8, 8))], quality=90)
    return file.getvalue()


def plain_jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", quality=90)
    return file.getvalue()


def with_byte(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + bytes([value]) + data[place + 1 :]


SCAN = plain_jpeg().index(b"\xff\xda")
ORDINARY = {
    "multi-picture": multi_picture(),
    "a film behind it": plain_jpeg() + b"\0\0\0\x18ftypmp42" + bytes(500),
    "bytes of filling": plain_jpeg()[:-2] + b"\x11" * 4 + plain_jpeg()[-2:],
    "a version of JFIF": with_byte(plain_jpeg(), plain_jpeg().index(b"JFIF") + 5, 3),
    "an odd scan header": with_byte(plain_jpeg(), SCAN + 12, 10),
    "Adobe's marker": plain_jpeg()[:2] + b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\x07" + plain_jpeg()[2:],
}
"""Files of cameras and programs that go beside the standard, without harm to any pixel."""


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_photograph_is_read_without_a_word(name: str, tmp_path: Path) -> None:
    remarks: list[str] = []
    found = decode(ORDINARY[name], 3, remarks.append)
    assert remarks == []
    assert header(ORDINARY[name]).format == "JPEG"
    with Image.open(io.BytesIO(ORDINARY[name])) as image:
        np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))
    for place in ("a", "b"):
        (tmp_path / "photos" / place).mkdir(parents=True)
        (tmp_path / "photos" / place / "1.jpg").write_bytes(ORDINARY[name])
    kinds = {finding["kind"] for finding in onestop.lint(tmp_path / "photos", quiet=True).findings}
    assert "partly read" not in kinds


def test_real_damage_is_still_damage() -> None:
    remarks: list[str] = []
    decode(plain_jpeg()[:-2] + b"\x11" * 100 + plain_jpeg()[-2:], 3, remarks.append)
    assert remarks == ["damaged in part (95 extraneous bytes before marker 0xd9)"]
