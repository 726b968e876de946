"""What can be built, and refused, before any image is read: the network and all that it must fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from onestop.data.cache_file import cache_folder, limit
from onestop.data.dataset import Dataset
from onestop.data.preprocess import (
    ImagePreprocessing,
    Preprocessing,
    VectorPreprocessing,
    from_json,
)
from onestop.data.samples import ArraySamples, FileSamples
from onestop.errors import OneStopError, UsageError
from onestop.inference.load import preprocessing_of
from onestop.networks import build, published_weights
from onestop.networks.catalog import Entry
from onestop.networks.freezing import Freezing
from onestop.networks.partial_load import fill
from onestop.networks.surgery import find_heads
from onestop.recipe import Recipe
from onestop.runtime.device import Engine, engine_for
from onestop.runtime.rng import preserved, seed_torch
from onestop.storage.model_file import SUFFIXES, model_path, read_card, read_weights
from onestop.tasks import TASKS, Task
from onestop.training.compile import check_compiler
from onestop.training.defaults import SMALL

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of ImageNet's training images, as all of torchvision's weights expect."""


@dataclass(frozen=True)
class Start:
    """Weights to start from and what goes with them."""

    tensors: dict[str, Tensor]
    source: str
    preprocessing: Preprocessing | None = None


@dataclass(frozen=True)
class Plan:
    """What can be built, and refused, before any image is read."""

    recipe: Recipe
    entry: Entry
    dataset: Dataset
    engine: Engine
    task: Task[Any]
    network: nn.Module
    arguments: dict[str, int]
    preprocessing: Preprocessing
    heads: list[str]
    said: tuple[str, ...]


def plan(recipe: Recipe, entry: Entry, dataset: Dataset, given: Any = None) -> Plan:
    """Build the network and see that everything fits together; nothing is read or written.

    Random weights are a function of the seed.

    Args:
        recipe: Resolved: no value is None.
        entry: The recipe's network.
        dataset: The recipe's source.
        given: The network, where it comes from Python; see `onestop.networks.build`.

    Raises:
        OneStopError: Parts that do not fit together, or weights that cannot be read.
    """
    _refuse_cache(recipe, dataset)
    engine = engine_for(recipe)
    if recipe.compile:
        check_compiler(engine.device)
    task = TASKS[dataset.task].from_recipe(recipe, dataset)
    arguments = _arguments(recipe, dataset, task)
    start = _start(recipe, entry)
    preprocessing = _declared(recipe, dataset, start)
    with preserved():
        seed_torch(recipe.seed, "weights")
        network = build(entry.name, **arguments, given=given)
    said = [f"{start.source}: {fill(network, start.tensors, start.source)}"] if start else []
    heads = _heads(recipe, network, preprocessing)
    if heads:
        Freezing(network, heads).check(recipe.freeze or "none")
    return Plan(
        recipe, entry, dataset, engine, task, network, arguments, preprocessing, heads,
        tuple(said),
    )  # fmt: skip


def _refuse_cache(recipe: Recipe, dataset: Dataset) -> None:
    """Stop where images were to be kept that lie in memory anyway, or that no file can stand for."""
    if recipe.cache == "disk":
        limit(cache_folder())  # which a wrong setting of the environment would stop later
    train = dataset.splits["train"]
    random = recipe.augment == "resized-crop"
    if isinstance(train, ArraySamples) and (
        recipe.cache == "disk" or (random and recipe.cache == "memory")
    ):
        raise UsageError(
            f"--cache {recipe.cache}: the images of {dataset.name} are not decoded, they lie in memory "
            "as they are; drop it"
        )
    kept = [dataset.splits[name] for name in ("train", "val") if name in dataset.splits]
    if recipe.cache == "disk" and not all(isinstance(split, FileSamples) for split in kept):
        raise UsageError(
            f"--cache disk: whether images of {dataset.name} are still the same shows only once they "
            "are decoded; use --cache memory"
        )


def _arguments(recipe: Recipe, dataset: Dataset, task: Task[Any]) -> dict[str, int]:
    assert recipe.image_size is not None
    assert recipe.channels is not None
    channels: int = recipe.channels
    if dataset.vectors:
        channels = dataset.splits["train"].values.shape[1]  # type: ignore[attr-defined]
    return {"classes": task.head().outputs, "channels": channels, "image_size": recipe.image_size}


def _heads(recipe: Recipe, network: nn.Module, preprocessing: Preprocessing) -> list[str]:
    """The network's heads, where the recipe treats them otherwise than the rest."""
    alike = recipe.backbone_lr_scale == recipe.layer_decay == 1.0
    if recipe.freeze == "none" and alike:
        return []
    return find_heads(network, preprocessing.shape)


def _start(recipe: Recipe, entry: Entry) -> Start | None:
    """The weights the recipe asks for."""
    if recipe.weights == "none":
        return None
    if recipe.weights == "default" or _is_no_path(recipe.weights):
        return _published(entry, recipe.weights)
    path = model_path(recipe.weights)
    try:
        preprocessing = from_json(read_card(path).preprocessing)
    except OneStopError:  # a plain weights file
        preprocessing = None
    return Start(read_weights(path), str(path), preprocessing)


def _is_no_path(weights: str) -> bool:
    """Whether it is rather the name of a published set, such as IMAGENET1K_V1."""
    path = Path(weights)
    return not path.exists() and path.suffix not in SUFFIXES and len(path.parts) == 1


def _published(entry: Entry, which: str) -> Start:
    found = published_weights(entry, which)
    return Start(found.state, f"published weights of {entry.name}", preprocessing_of(found))


def _declared(recipe: Recipe, dataset: Dataset, start: Start | None) -> Preprocessing:
    """The preprocessing as far as the recipe says it."""
    assert recipe.image_size is not None
    assert recipe.channels is not None
    channels, size = recipe.channels, (recipe.image_size, recipe.image_size)
    if dataset.vectors:
        features = dataset.splits["train"].values.shape[1]  # type: ignore[attr-defined]
        return VectorPreprocessing(features, (0.0,) * features, (1.0,) * features)
    values = {
        "none": ((0.0,) * channels, (1.0,) * channels),
        "half": ((0.5,) * channels, (0.5,) * channels),
        "dataset": ((0.0,) * channels, (1.0,) * channels),  # replaced once images are there
        "imagenet": IMAGENET,
        "weights": IMAGENET,
    }
    mean, std = values[recipe.normalize or "none"]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    # The usual margin of photographs (224 of 256); small images are seen whole.
    crop_fraction = 0.875 if recipe.image_size > SMALL and recipe.fit == "crop" else 1.0
    if recipe.normalize == "weights":
        if start is None:
            raise UsageError("--normalize weights: there are none; name some with --weights")
        if isinstance(start.preprocessing, ImagePreprocessing):
            mean, std = start.preprocessing.mean, start.preprocessing.std
            interpolation = start.preprocessing.interpolation
            crop_fraction = start.preprocessing.crop_fraction
    if len(mean) != channels:
        raise UsageError(
            f"--normalize {recipe.normalize}: is for {len(mean)} channels, --channels is {channels}; "
            "use --normalize dataset"
        )
    return ImagePreprocessing(channels, size, mean, std, recipe.fit, crop_fraction, interpolation)
