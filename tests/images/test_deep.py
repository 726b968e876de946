"""The values of images of more than 8 bits are those that the file states."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from onestop.errors import BadImageError
from onestop.images.decode import decode, deep_of_pillow, deep_values, is_deep
from onestop.images.deep import may_be_deep
from onestop.images.header import measure
from tests.deep_files import png16, ppm, tiff
from tests.reliability.bad_inputs import encoded

GREYS = np.array([[1, 300, 40000, 65535], [258, 513, 772, 5]], np.uint16)
COLOURS = np.stack([GREYS, GREYS[::-1], GREYS // 3], -1)
ALPHA = np.array([[65535, 0, 32768, 257], [65535] * 4], np.uint16)[..., None]
ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")


def values_of(data: bytes, folder: Path) -> NDArray[Any]:
    path = folder / "image"
    path.write_bytes(data)
    deep = deep_values(path)
    assert deep is not None
    values = np.concatenate([band for _, band in deep.bands()])
    assert values.shape[:2] == (deep.height, deep.width) == measure(data)[:2]
    return values[..., 0] if values.shape[-1] == 1 else values


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["u2", "i2", "i4", "f4", "i1"])
def test_greys_of_every_type_in_every_order_of_bytes(
    kind: str, order: Literal["<", ">"], compressed: bool, tmp_path: Path
) -> None:
    least = 0 if kind == "u2" else -5
    values = np.array([[least, 1, 100], [3, 127, 7]]).astype(kind)
    found = values_of(tiff(values, order=order, compressed=compressed), tmp_path)
    assert found.dtype.kind == values.dtype.kind
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("compressed", [False, True])
def test_unsigned_32_bits_do_not_wrap(compressed: bool, tmp_path: Path) -> None:
    values = np.array([[0, 2**31 - 1, 2**31, 2**32 - 1]], np.uint32)
    found = values_of(tiff(values, compressed=compressed), tmp_path)
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("compressed", [False, True])
def test_white_is_zero_is_inverted(compressed: bool, tmp_path: Path) -> None:
    data = tiff(GREYS, white_is_zero=True, compressed=compressed)
    np.testing.assert_array_equal(values_of(data, tmp_path), 65535 - GREYS)
    floats = tiff(GREYS.astype(np.float32), white_is_zero=True, compressed=compressed)
    np.testing.assert_array_equal(values_of(floats, tmp_path), -GREYS.astype(np.float32))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_colours_keep_both_bytes(
    order: Literal["<", ">"], compressed: bool, tmp_path: Path
) -> None:
    data = tiff(COLOURS, order=order, compressed=compressed)
    np.testing.assert_array_equal(values_of(data, tmp_path), COLOURS)
    both = np.concatenate([COLOURS, ALPHA], -1)
    data = tiff(both, order=order, compressed=compressed, extra=2)
    np.testing.assert_array_equal(values_of(data, tmp_path), both)
    unspecified = tiff(both, order=order, compressed=compressed, extra=0)
    np.testing.assert_array_equal(values_of(unspecified, tmp_path), COLOURS)


@pytest.mark.parametrize("order", ORDERS)
def test_planes_are_read_or_refused(order: Literal["<", ">"], tmp_path: Path) -> None:
    np.testing.assert_array_equal(
        values_of(tiff(COLOURS, order=order, planes=True), tmp_path), COLOURS
    )
    with pytest.raises(BadImageError, match=r"16-bit colours in separate planes.*interleaved"):
        values_of(tiff(COLOURS, order=order, planes=True, compressed=True), tmp_path)
    both = np.concatenate([COLOURS, ALPHA], -1)
    with pytest.raises(BadImageError, match="planes"):
        decode(tiff(both, order=order, planes=True, extra=1), 3)


def test_colours_that_were_multiplied_by_alpha_are_divided(tmp_path: Path) -> None:
    colour = np.array([[[60000, 30000, 9000]] * 3], np.uint16)
    alpha = np.array([[[65535], [32768], [0]]], np.uint16)
    multiplied = np.rint(colour * (alpha / 65535)).astype(np.uint16)
    found = values_of(tiff(np.concatenate([multiplied, alpha], -1), extra=1), tmp_path)
    assert np.abs(found[:, :2, :3].astype(int) - colour[:, :2]).max() <= 1
    np.testing.assert_array_equal(found[..., 3:], alpha)


def test_pngs_of_sixteen_bits(tmp_path: Path) -> None:
    np.testing.assert_array_equal(values_of(png16(GREYS), tmp_path), GREYS)
    np.testing.assert_array_equal(values_of(png16(COLOURS), tmp_path), COLOURS)
    both = np.concatenate([COLOURS, ALPHA], -1)
    np.testing.assert_array_equal(values_of(png16(both), tmp_path), both)
    grey = np.concatenate([GREYS[..., None], ALPHA], -1)
    wanted = np.concatenate([np.repeat(GREYS[..., None], 3, -1), ALPHA], -1)
    np.testing.assert_array_equal(values_of(png16(grey), tmp_path), wanted)


def test_a_transparent_value_of_sixteen_bits_becomes_white() -> None:
    assert decode(png16(GREYS, (300,)), 1).ravel().tolist()[:2] == [0, 255]
    assert decode(png16(GREYS, (301,)), 1).ravel().tolist()[:2] == [0, 1]
    colour = (int(COLOURS[0, 2, 0]), int(COLOURS[0, 2, 1]), int(COLOURS[0, 2, 2]))
    assert decode(png16(COLOURS, colour), 4)[..., 3].ravel().tolist() == [255] * 2 + [0] + [255] * 5


def test_transparency_keeps_its_own_scale() -> None:
    both = np.concatenate([COLOURS * 0 + 1700, ALPHA], -1)
    pixels = decode(png16(both), 4, pixel_range=(1500, 1700))
    assert pixels[0, :, 3].tolist() == [255, 0, 128, 1]
    assert (pixels[..., :3] == 255).all()


@pytest.mark.parametrize("plain", [False, True])
def test_maxval_is_white_in_pgm_and_ppm(plain: bool, tmp_path: Path) -> None:
    greys = np.array([[0, 1, 1500, 4095]], np.uint16)
    wanted = np.rint(greys * (65535 / 4095)).astype(np.uint16)
    np.testing.assert_array_equal(values_of(ppm(greys, 4095, plain=plain), tmp_path), wanted)
    colours, all_wanted = np.stack([greys] * 3, -1), np.stack([wanted] * 3, -1)
    np.testing.assert_array_equal(values_of(ppm(colours, 4095, plain=plain), tmp_path), all_wanted)
    with pytest.raises(BadImageError):
        decode(ppm(colours, 4095, plain=plain)[:-6], 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_turns_deep_images_too(orientation: int) -> None:
    eight = (np.arange(6).reshape(2, 3) * 40).astype(np.uint8)
    plain = decode(tiff(eight, orientation=orientation), 3)
    for values in (
        eight.astype(np.uint16) * 257,
        np.stack([eight] * 3, -1).astype(np.uint16) * 257,
    ):
        np.testing.assert_array_equal(decode(tiff(values, orientation=orientation), 3), plain)
    floats = eight.astype(np.float32) / 255
    np.testing.assert_array_equal(decode(tiff(floats, orientation=orientation), 3), plain)


def test_large_images_are_read_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestop.images.deep._BAND", 8)
    values = np.arange(35, dtype=np.uint16).reshape(7, 5) * 257
    assert decode(png16(values), 1)[..., 0].tolist() == (values // 257).tolist()
    colours = np.stack([values] * 3, -1)
    for data in (png16(colours), ppm(colours, 65535), ppm(colours, 65535, plain=True)):
        np.testing.assert_array_equal(decode(data, 3), colours // 257)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_images_of_8_bits_are_told_by_their_header(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    for pixels in (COLOURS.astype(np.uint8), GREYS.astype(np.uint8)):
        path.write_bytes(encoded(pixels, kind))
        assert not is_deep(path)
        assert deep_values(path) is None


def test_only_formats_that_can_be_deep_are_opened_for_it() -> None:
    for kind in ("JPEG", "GIF", "BMP", "WEBP", "PNG"):
        assert not may_be_deep(encoded(COLOURS.astype(np.uint8), kind)[:32])
    for data in (png16(GREYS), tiff(GREYS), ppm(GREYS, 4095), ppm(COLOURS, 9, plain=True)):
        assert may_be_deep(data[:32])
    assert may_be_deep(b"Pf\n2 1\n-1.0\n")


def test_a_portable_float_map_is_read(tmp_path: Path) -> None:
    data = b"Pf\n2 2\n-1.0\n" + np.array([[3, 4], [1, 2]], "<f4").tobytes()  # from the bottom up
    np.testing.assert_array_equal(values_of(data, tmp_path), [[1, 2], [3, 4]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused_under_any_range(value: float) -> None:
    data = tiff(np.array([[0, value]], np.float32))
    for pixel_range in ("full", "image", (0.0, 1.0)):
        with pytest.raises(BadImageError, match="pixels that are NaN or infinite"):
            decode(data, 1, pixel_range=pixel_range)


@pytest.mark.parametrize("kind", ["f2", "f8", "u8"])
def test_types_that_cannot_be_read_are_refused(kind: str) -> None:
    with pytest.raises(BadImageError):
        decode(tiff(np.ones((2, 2)).astype(kind)), 1)


def test_pictures_given_in_python_have_their_values() -> None:
    deep = deep_of_pillow(Image.fromarray(GREYS))
    assert deep is not None
    np.testing.assert_array_equal(next(deep.values())[..., 0], GREYS)
    with Image.open(io.BytesIO(tiff(np.full((1, 1), 2**32 - 1, np.uint32)))) as image:
        wrapped = deep_of_pillow(image)
        assert wrapped is not None
        assert next(wrapped.values()).ravel().tolist() == [2**32 - 1]
    assert deep_of_pillow(Image.new("RGB", (2, 2))) is None
