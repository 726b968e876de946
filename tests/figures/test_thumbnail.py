"""Small pictures as text that stands in a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from onestop.figures.thumbnail import SIDE, TINY, data_uri


def opened(uri: str) -> Image.Image:
    head, _, content = uri.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(content)))


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(28, 28, 1), (TINY, 3, 3), (32, 32, 3)])
def test_a_tiny_picture_is_kept_to_the_pixel(shape: tuple[int, ...]) -> None:
    pixels = noise(*shape)
    picture = opened(data_uri(pixels))
    assert picture.format == "PNG"
    assert np.array_equal(np.asarray(picture).reshape(shape), pixels)


def test_a_large_one_becomes_a_small_jpeg_of_the_same_proportions() -> None:
    picture = opened(data_uri(noise(400, 800, 3)))
    assert (picture.format, picture.size) == ("JPEG", (SIDE, SIDE // 2))


def test_what_is_behind_alpha_is_shown() -> None:
    pixels = noise(8, 8, 4)
    assert np.array_equal(np.asarray(opened(data_uri(pixels))), pixels[..., :3])
