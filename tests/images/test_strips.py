"""Conversion strip by strip gives the same pixels as conversion at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from onestop.images import decode, strips
from onestop.images.strips import in_strips

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 23, 17


def image_of(mode: str) -> Image.Image:
    noise: NDArray[np.uint8] = RNG.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    if mode == "P and transparency":
        image = Image.fromarray(noise[..., 0])
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette(RNG.integers(0, 256, 768, dtype=np.uint8).tobytes())
        image.info["transparency"] = bytes(range(256))
        return image
    if mode == "RGB and transparency":
        image = Image.fromarray(noise[..., :3] // 64 * 64)
        image.info["transparency"] = (64, 64, 64)
        return image
    return Image.fromarray(noise).convert(mode)


MODES = ("1", "L", "LA", "RGB", "RGBA", "RGBa", "P", "CMYK", "YCbCr", "P and transparency",
         "RGB and transparency")  # fmt: skip
TURNS = (None, *Image.Transpose)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_strips_change_no_pixel(mode: str, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = image_of(mode)
    whole = decode.from_pillow(image, channels)
    for rows in (1, 3, 8, HEIGHT):
        monkeypatch.setattr(strips, "STRIP", rows * WIDTH)
        assert np.array_equal(decode.from_pillow(image, channels), whole)
    assert whole.shape == (HEIGHT, WIDTH, channels)


def plain(image: Image.Image, _: int) -> Image.Image:
    return image


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("rows", [1, 5, 22, 23, 100])
def test_each_strip_is_put_where_the_turn_takes_it(
    turn: Image.Transpose | None, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels: NDArray[np.uint8] = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    wanted = np.asarray(image if turn is None else image.transpose(turn))
    monkeypatch.setattr(strips, "STRIP", rows * WIDTH)
    given: tuple[Image.Image | NDArray[np.uint8], ...] = (image, pixels)
    for one in given:
        assert np.array_equal(in_strips(one, turn, 3, plain), wanted)


def test_no_strip_is_larger_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(image: Image.Image, _: int) -> Image.Image:
        sizes.append(image.width * image.height)
        return image

    monkeypatch.setattr(strips, "STRIP", 100)
    in_strips(Image.new("RGB", (17, 230)), None, 3, noted)
    assert max(sizes) <= 100
    assert sum(sizes) == 17 * 230
    convert: Callable[[Image.Image, int], Image.Image] = noted
    sizes.clear()
    in_strips(Image.new("RGB", (170, 3)), None, 3, convert)
    assert sizes == [170, 170, 170], "a strip has at least one row"
