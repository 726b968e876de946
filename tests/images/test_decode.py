"""Every kind of file that people call an image, and every kind that is none."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile, features

from onestop.errors import BadImageError
from onestop.images.decode import decode, pixels_of
from onestop.images.formats import formats
from onestop.images.header import measure
from onestop.images.pillow import Pixels
from tests.reliability.bad_inputs import chunk, encoded, picture, png_of_size

ORIENTATION = 0x0112
RNG = np.random.default_rng(0)
NOISE: Pixels = RNG.integers(0, 256, (24, 16, 3), dtype=np.uint8)
# How a picture is stored under each EXIF orientation (CIPA DC-008, "Orientation").
STORED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def tagged(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


# --- orientation ---


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    data = encoded(STORED[orientation](NOISE), kind, exif=tagged(orientation))
    np.testing.assert_array_equal(decode(data, 3), NOISE)
    assert measure(data) == (24, 16, 3)


@pytest.mark.parametrize("orientation", STORED)
def test_a_compressed_tiff_is_turned_once(orientation: int) -> None:
    stored = STORED[orientation](NOISE)
    data = encoded(stored, "TIFF", exif=tagged(orientation), compression="tiff_lzw")
    np.testing.assert_array_equal(decode(data, 3), NOISE)
    assert measure(data) == (24, 16, 3)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_lossy_files_are_turned_upright_too(orientation: int, kind: str) -> None:
    stored = STORED[orientation](NOISE)
    upright = decode(encoded(stored, kind, exif=tagged(orientation)), 3)
    np.testing.assert_array_equal(STORED[orientation](upright), decode(encoded(stored, kind), 3))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    data = encoded(NOISE, exif=tagged(orientation))
    np.testing.assert_array_equal(decode(data, 3), NOISE)
    assert measure(data) == (24, 16, 3)


def test_an_orientation_behind_the_pixels_of_a_png_is_found() -> None:
    data = encoded(STORED[6](NOISE))
    end = chunk(b"IEND", b"")
    exif = chunk(b"eXIf", tagged(6).tobytes().removeprefix(b"Exif\0\0"))
    assert data.endswith(end)
    np.testing.assert_array_equal(decode(data.removesuffix(end) + exif + end, 3), NOISE)


def test_a_broken_exif_block_does_not_keep_the_picture_from_being_turned() -> None:
    exif = tagged(6)
    exif[0x010F] = "maker"
    data = encoded(STORED[6](NOISE), "JPEG", exif=exif)
    # The kind of the maker's name becomes "long": Pillow reads it but cannot write it again.
    broken = data.replace(struct.pack(">HHI", 0x010F, 2, 6), struct.pack(">HHI", 0x010F, 11, 1))
    broken = broken.replace(struct.pack("<HHI", 0x010F, 2, 6), struct.pack("<HHI", 0x010F, 11, 1))
    assert broken != data
    np.testing.assert_array_equal(decode(broken, 3), decode(data, 3))


def test_measuring_decodes_no_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: ImageFile.ImageFile) -> None:
        raise AssertionError("pixels were decoded")

    files = [encoded(NOISE, kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "PPM")]
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    assert [measure(data) for data in files] == [(24, 16, 3)] * 5


# --- transparency, palettes, few colours ---


def test_transparent_parts_become_white_unless_four_channels_are_wanted() -> None:
    pixels = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [0, 0, 0, 51]]], np.uint8)
    data = encoded(pixels, "PNG")
    assert decode(data, 3).tolist() == [[[200, 100, 50], [255, 255, 255], [204, 204, 204]]]
    assert decode(data, 1)[0, 1:].tolist() == [[255], [204]]
    np.testing.assert_array_equal(decode(data, 4), pixels)
    assert measure(data) == (1, 3, 4)


@pytest.fixture
def palette_image() -> Image.Image:
    image = Image.fromarray(np.array([[0, 1, 2, 1]], np.uint8), mode="P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return image


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_a_palette_is_looked_up(palette_image: Image.Image, kind: str) -> None:
    wanted = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 255, 0]]]
    data = encoded(palette_image, kind)
    assert decode(data, 3).tolist() == wanted
    assert measure(data) == (1, 4, 3)


@pytest.mark.parametrize(("kind", "transparency"), [("PNG", 1), ("PNG", b"\xff\0\xff"), ("GIF", 1)])
def test_a_transparent_colour_of_a_palette_becomes_white(
    palette_image: Image.Image, kind: str, transparency: int | bytes
) -> None:
    data = encoded(palette_image, kind, transparency=transparency)
    assert decode(data, 3).tolist() == [[[255, 0, 0], [255] * 3, [0, 0, 255], [255] * 3]]
    assert decode(data, 4)[0, :, 3].tolist() == [255, 0, 255, 0]
    assert measure(data) == (1, 4, 4)


def test_a_transparent_grey_or_colour_becomes_white() -> None:
    grey = encoded(np.array([[0, 100, 200]], np.uint8), transparency=100)
    assert decode(grey, 1).ravel().tolist() == [0, 255, 200]
    colour = encoded(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), transparency=(4, 5, 6))
    assert decode(colour, 3).tolist() == [[[1, 2, 3], [255, 255, 255]]]
    assert decode(colour, 4)[0, :, 3].tolist() == [255, 0]


def test_grey_with_alpha_lies_on_white() -> None:
    data = encoded(Image.fromarray(np.array([[[100, 255], [100, 0]]], np.uint8), mode="LA"))
    assert decode(data, 1).ravel().tolist() == [100, 255]
    assert decode(data, 4).tolist() == [[[100, 100, 100, 255], [100, 100, 100, 0]]]
    assert measure(data) == (1, 2, 4)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    data = encoded(Image.fromarray(np.array([[0, 255, 255, 0]], np.uint8)).convert("1"), kind)
    assert decode(data, 1).ravel().tolist() == [0, 255, 255, 0]
    assert decode(data, 3)[0, :, 2].tolist() == [0, 255, 255, 0]
    assert measure(data) == (1, 4, 1)


def test_a_jpeg_in_printing_colours_has_the_colours_it_was_made_of() -> None:
    image = Image.new("RGB", (16, 16), (200, 30, 90)).convert("CMYK")
    pixels = decode(encoded(image, "JPEG", quality=95), 3)
    assert np.abs(pixels.astype(int) - [200, 30, 90]).max() <= 2


# --- more than eight bits ---


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_sixteen_bits_is_scaled_and_not_cut_off(kind: str) -> None:
    data = encoded(np.array([[0, 1000, 32768, 65535]], np.uint16), kind)
    assert decode(data, 1).ravel().tolist() == [0, 4, 128, 255]
    assert decode(data, 3)[0, 3].tolist() == [255, 255, 255]
    assert measure(data) == (1, 4, 1)


def test_a_dark_image_of_sixteen_bits_stays_dark() -> None:
    assert decode(encoded(np.full((2, 2), 257, np.uint16)), 1).max() == 1


def test_sixteen_bits_and_an_orientation_go_together() -> None:
    values = np.arange(6, dtype=np.uint16).reshape(2, 3) * 257
    data = encoded(np.rot90(values, 1), "TIFF", exif=tagged(6))
    assert decode(data, 1)[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


# --- what a file is, whatever its name ---


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "PNG", "TIFF", "WEBP"):
        path = tmp_path / f"moving.{kind.lower()}"
        options = {"lossless": True} if kind == "WEBP" else {}
        frames[0].save(path, kind, save_all=True, append_images=frames[1:], **options)
        with Image.open(path) as image:
            assert getattr(image, "n_frames", 1) == 2
        assert decode(path, 3)[0, 0].tolist() == [255, 0, 0], kind


def test_two_pictures_in_one_jpeg_are_its_first() -> None:
    left, right = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encoded(left, "MPO", save_all=True, append_images=[right])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "MPO"
    assert decode(data, 3)[0, 0, 0] > 250


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(NOISE, "PNG"))
    np.testing.assert_array_equal(decode(path, 3), NOISE)
    np.testing.assert_array_equal(decode(str(path), 3), NOISE)
    np.testing.assert_array_equal(decode(path.read_bytes(), 3), NOISE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_that_ends_early_is_refused(kind: str, part: float) -> None:
    data = encoded(NOISE, kind)
    with pytest.raises(BadImageError):
        decode(data[: int(part * len(data))], 3)


def test_a_jpeg_that_ends_early_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    data = encoded(NOISE, "JPEG")
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(BadImageError, match=r"^damaged: image file is truncated") as caught:
        decode(path, 3)
    assert str(tmp_path) not in str(caught.value)


def test_heic_is_read_where_its_reader_is_installed() -> None:
    pytest.importorskip("pillow_heif")
    assert "HEIF" in formats()
    data = encoded(picture(), "HEIF", quality=90)
    assert np.abs(decode(data, 3).astype(int) - picture()).mean() < 8


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_read() -> None:
    data = encoded(picture(), "AVIF", quality=90)
    assert np.abs(decode(data, 3).astype(int) - picture()).mean() < 8


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "MPO"])
def test_damaged_bytes_give_pixels_or_our_own_error(kind: str) -> None:
    exif = tagged(6)
    exif[0x010F], exif[0x011A] = "maker", 72.0
    options: dict[str, Any] = {} if kind == "GIF" else {"exif": exif}
    if kind == "MPO":
        options |= {"save_all": True, "append_images": [Image.fromarray(NOISE)]}
    data = encoded(NOISE[:8, :9], kind, **options)
    refused = 0
    for seed in range(150):
        rng, damaged = np.random.default_rng(seed), bytearray(data)
        for place in rng.integers(0, min(len(data), 200), 3):
            damaged[place] = rng.choice([0, 255, int(rng.integers(256))])
        for read in (lambda d: decode(d, 3), measure):
            try:
                read(bytes(damaged))
            except BadImageError:
                refused += 1
    assert 0 < refused < 300


# --- warnings ---


def test_reading_in_threads_leaves_the_warning_filters_alone() -> None:
    before, data = list(warnings.filters), encoded(NOISE, "PNG")

    def read() -> None:
        for _ in range(30):
            decode(data, 3)
            measure(data)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_odd_files_that_can_be_read_are_read_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_of_size(10000, 10000))  # Pillow warns from 89 million pixels on
    environment = {**os.environ, "ONESTOP_MAX_PIXELS": "100000000"}
    code = f"from onestop.images.header import measure; print(measure({str(path)!r}))"
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("(10000, 10000, 3)\n", "")


# --- pictures and arrays ---


def test_pixels_are_taken_from_whatever_a_person_gives(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    forms = [path, str(path), path.read_bytes(), Image.fromarray(pixels), pixels]
    for form in (*forms, torch.from_numpy(pixels).permute(2, 0, 1)):
        np.testing.assert_array_equal(pixels_of(form, 3), pixels)
    with pytest.raises(BadImageError, match="is not an image"):
        pixels_of(np.zeros(9), 3)
