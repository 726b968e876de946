"""Preprocessing for published weights."""

from __future__ import annotations

from onestop.data.preprocess import ImagePreprocessing
from onestop.networks.pretrained import Inputs


def preprocessing_of(inputs: Inputs) -> ImagePreprocessing:
    """The preprocessing that published weights were trained with, for colour images."""
    return ImagePreprocessing(
        channels=3,
        size=inputs.size,
        mean=inputs.mean,
        std=inputs.std,
        crop_fraction=inputs.crop_fraction,
        interpolation=inputs.interpolation,
    )
