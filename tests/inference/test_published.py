"""Published weights say how images are to be prepared for them."""

from __future__ import annotations

import dataclasses

import pytest

from onestop.data.preprocess import ImagePreprocessing
from onestop.errors import UsageError
from onestop.inference.published import IMAGENET, adjusted, inputs_text, preprocessing_of
from onestop.networks.pretrained import Inputs


def test_each_value_is_that_of_the_weights() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.2, 0.1)
    found = preprocessing_of(Inputs((224, 256), 0.9, "bicubic", mean, std))
    assert found.shape == (3, 224, 256)
    assert (found.mean, found.std) == (mean, std)
    assert (found.crop_fraction, found.interpolation, found.fit) == (0.9, "bicubic", "crop")


PUBLISHED = ImagePreprocessing(3, (224, 224), (0.4,) * 3, (0.2,) * 3, crop_fraction=0.875)


def test_what_is_not_set_stays_as_published() -> None:
    assert adjusted(PUBLISHED, {}) == adjusted(PUBLISHED, {"normalize": "weights"}) == PUBLISHED


def test_size_fit_and_normalisation_can_be_set() -> None:
    larger = adjusted(PUBLISHED, {"image_size": 320})
    assert (larger.size, larger.crop_fraction) == ((320, 320), 0.875)
    padded = adjusted(PUBLISHED, {"fit": "pad", "normalize": "half"})
    assert (padded.fit, padded.crop_fraction, padded.mean, padded.std) == (
        "pad", 1.0, (0.5,) * 3, (0.5,) * 3,
    )  # fmt: skip
    assert inputs_text(padded).endswith("deviation 0.5, by --fit pad")
    assert adjusted(PUBLISHED, {"normalize": "none"}).std == (1.0,) * 3
    assert adjusted(PUBLISHED, {"normalize": "imagenet"}).mean == IMAGENET[0]


def test_normalisation_by_data_or_for_other_channels_is_refused() -> None:
    with pytest.raises(
        UsageError, match="there are none here; use none, half, imagenet or weights"
    ):
        adjusted(PUBLISHED, {"normalize": "dataset"})
    grey = dataclasses.replace(PUBLISHED, channels=1, mean=(0.5,), std=(0.5,))
    with pytest.raises(UsageError, match=r"--normalize imagenet: is for 3 channels, .* have 1"):
        adjusted(grey, {"normalize": "imagenet"})
