"""Preprocessing for published weights."""

from __future__ import annotations

from pathlib import Path

from onestop.data.preprocess import ImagePreprocessing, Preprocessing
from onestop.errors import UsageError
from onestop.networks import release
from onestop.networks.catalog import Entry
from onestop.networks.pretrained import Inputs
from onestop.storage.torch_files import SUFFIXES

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's training images, as all of torchvision's weights expect."""


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


def published_for(entry: Entry) -> ImagePreprocessing | None:
    """The preprocessing that was published for weights of a network; None if there is none."""
    try:
        return preprocessing_of(release(entry).inputs)
    except UsageError:
        return None


def is_tag(weights: str) -> bool:
    """Whether it is the name of published weights, such as IMAGENET1K_V1, rather than a file."""
    path = Path(weights)
    return not path.exists() and path.suffix not in SUFFIXES and len(path.parts) == 1


def inputs_text(preprocessing: Preprocessing) -> str:
    """How images are prepared, in a few words for a person."""
    values = preprocessing.to_json()
    fields = ("size", "crop_fraction", "interpolation", "mean", "std")
    return str(Inputs(**{name: values[name] for name in fields}))
