"""Published weights say how images are to be prepared for them."""

from __future__ import annotations

from onestop.inference.published import preprocessing_of
from onestop.networks.pretrained import Inputs


def test_each_value_is_that_of_the_weights() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.2, 0.1)
    found = preprocessing_of(Inputs((224, 256), 0.9, "bicubic", mean, std))
    assert found.shape == (3, 224, 256)
    assert (found.mean, found.std) == (mean, std)
    assert (found.crop_fraction, found.interpolation, found.fit) == (0.9, "bicubic", "crop")
