"""Pillow images of every mode, and what EXIF and the range of values make of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from onestop.errors import BadImageError
from onestop.images.decode import decode, deep_of_pillow, from_pillow
from onestop.images.pillow import measure_pillow
from tests.reliability.bad_inputs import encoded


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_of_any_mode_is_taken_and_left_as_it_was(mode: str, channels: int) -> None:
    image = Image.new(mode, (5, 3))
    before = image.tobytes()
    pixels = from_pillow(image, channels)
    assert pixels.shape == (3, 5, channels)
    assert pixels.dtype == np.uint8
    assert (image.mode, image.size, image.tobytes()) == (mode, (5, 3), before)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0, 0.25, 0.5, 1], [0, 64, 128, 255]),  # fractions
        ([0, 100, 200, 255], [0, 100, 200, 255]),  # greys of 8 bits
        ([0, 1000, 32768, 65535], [0, 4, 128, 255]),  # greys of 16 bits
        ([-1, 0, 0.5, 1], [0, 128, 191, 255]),  # no natural scale: their own range
        ([-3, -3, -3, -3], [0, 0, 0, 0]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_an_old_model_scales_floats_image_by_image(values: list[float], wanted: list[int]) -> None:
    data = encoded(np.array([values], np.float32), "TIFF")
    assert decode(data, 1, pixel_range="image").ravel().tolist() == wanted


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(value: float) -> None:
    data = encoded(np.array([[0, value]], np.float32), "TIFF")
    with pytest.raises(BadImageError, match="pixels that are NaN or infinite"):
        decode(data, 1)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("P", 3), ("CMYK", 3), ("LA", 4), ("I;16", 1)]
)
def test_a_picture_is_measured_as_it_is_read(mode: str, channels: int) -> None:
    image = Image.new(mode, (5, 3))
    exif = image.getexif()
    exif[0x0112] = 6
    assert measure_pillow(image) == (5, 3, channels)
    assert from_pillow(image, channels).shape == (5, 3, channels)


def test_only_pictures_of_more_than_8_bits_are_deep() -> None:
    deep = deep_of_pillow(Image.fromarray(np.array([[0, 4095]], np.uint16)))
    assert deep is not None
    assert next(iter(deep.values())).ravel().tolist() == [0, 4095]
    assert deep_of_pillow(Image.new("RGB", (2, 1))) is None
