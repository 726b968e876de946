"""From one number of channels to another."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from onestop.images.channels import to_channels
from onestop.images.decode import decode, from_pillow
from tests.reliability.bad_inputs import encoded

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (24, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("have", [1, 3, 4])
def test_arrays_change_channels_as_pillow_does(have: int, channels: int) -> None:
    pixels = RNG.integers(0, 256, (50, 60, have), dtype=np.uint8)
    image = Image.fromarray(pixels[..., 0] if have == 1 else pixels)
    ours = to_channels(pixels, channels)
    np.testing.assert_array_equal(ours, from_pillow(image, channels))
    assert ours.shape == (50, 60, channels)
    batch = to_channels(np.stack([pixels, pixels[::-1]]), channels)
    np.testing.assert_array_equal(batch, np.stack([ours, ours[::-1]]))


def test_grey_is_pillows_grey() -> None:
    grey = np.asarray(Image.fromarray(NOISE).convert("L"))
    np.testing.assert_array_equal(to_channels(NOISE, 1)[..., 0], grey)
    np.testing.assert_array_equal(decode(encoded(NOISE, "PNG"), 1)[..., 0], grey)
