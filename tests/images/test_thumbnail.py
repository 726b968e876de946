"""Images made small."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.images.thumbnail import picture_of, small


def test_small_images_are_not_touched() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert small(pixels) is pixels


def test_large_images_keep_their_shape_and_channels() -> None:
    pixels = np.full((400, 200, 1), 7, np.uint8)
    made = small(pixels)
    assert made.shape == (192, 96, 1)
    assert (made == 7).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGB")])
def test_a_picture_is_grey_or_in_colour(channels: int, mode: str) -> None:
    assert picture_of(np.zeros((2, 2, channels), np.uint8)).mode == mode
