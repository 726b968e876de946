"""Preprocessing for published weights."""

from __future__ import annotations

from onestop.data.preprocess import ImagePreprocessing
from onestop.networks.pretrained import Published


def preprocessing_of(published: Published) -> ImagePreprocessing:
    """The preprocessing that published weights were trained with, for colour images."""
    return ImagePreprocessing(
        channels=3,
        size=published.size,
        mean=published.mean,
        std=published.std,
        fit=published.fit,
        crop_fraction=published.crop_fraction,
        interpolation=published.interpolation,
    )
