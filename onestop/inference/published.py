"""Preprocessing for published weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
        fit=inputs.fit,
        crop_fraction=inputs.crop_fraction,
        interpolation=inputs.interpolation,
    )


def published_for(entry: Entry) -> ImagePreprocessing | None:
    """The preprocessing that was published for weights of a network; None if there is none."""
    try:
        return preprocessing_of(release(entry).inputs)
    except UsageError:
        return None


def mean_and_std(normalize: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation that `normalize` stands for, where neither images nor weights say them.

    Args:
        normalize: none, half, or imagenet, which is for 3 channels.
        channels: Of the images.
    """
    if normalize == "imagenet":
        return IMAGENET
    value = 0.5 if normalize == "half" else 0.0
    return (value,) * channels, (value or 1.0,) * channels


def adjusted(published: ImagePreprocessing, settings: Mapping[str, Any]) -> ImagePreprocessing:
    """Preprocessing with what a user wants to be different.

    Args:
        published: As it goes with the weights.
        settings: `image_size`, `fit` and `normalize`, those that are set.

    Raises:
        UsageError: There are no training images to normalise by, or the channels do not fit.
    """
    size, normalize = settings.get("image_size"), settings.get("normalize", "weights")
    fit = settings.get("fit", published.fit)
    mean, std = published.mean, published.std
    if normalize == "dataset":
        raise UsageError(
            "--normalize dataset: is of the training images, and there are none here; use none, half, "
            "imagenet or weights"
        )
    if normalize != "weights":
        mean, std = mean_and_std(normalize, published.channels)
    if len(mean) != published.channels:
        raise UsageError(
            f"--normalize {normalize}: is for {len(mean)} channels, the network's images have "
            f"{published.channels}; use none or half"
        )
    return dataclasses.replace(
        published, size=(size, size) if size else published.size, fit=fit, mean=mean, std=std,
        crop_fraction=published.crop_fraction if fit == "crop" else 1.0,
    )  # fmt: skip


def is_tag(weights: str) -> bool:
    """Whether it is the name of published weights, such as IMAGENET1K_V1, rather than a file."""
    path = Path(weights)
    return not path.exists() and not path.name.endswith(SUFFIXES) and len(path.parts) == 1


def inputs_text(preprocessing: Preprocessing) -> str:
    """How images are prepared, in a few words for a person."""
    values = preprocessing.to_json()
    fields = ("size", "crop_fraction", "interpolation", "mean", "std")
    text = str(Inputs(**{name: values[name] for name in fields}))
    return text if values["fit"] == "crop" else f"{text}, by --fit {values['fit']}"
