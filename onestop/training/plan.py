"""The plan of a run: what can be built, and refused, before any image is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from torch import nn

from onestop.data.cache_file import cache_folder, limit
from onestop.data.dataset import Dataset
from onestop.data.preprocess import (
    ImagePreprocessing,
    Preprocessing,
    VectorPreprocessing,
)
from onestop.errors import UsageError
from onestop.images.pixel_range import parsed
from onestop.inference.published import mean_and_std
from onestop.networks import build
from onestop.networks.catalog import Entry
from onestop.networks.freezing import Freezing
from onestop.networks.partial_load import names_of_weights, start
from onestop.networks.surgery import find_heads
from onestop.recipe import Data, Network, Recipe
from onestop.runtime.device import Engine, engine_for
from onestop.runtime.rng import preserved, seed_torch
from onestop.tasks import TASKS, Task
from onestop.text import did_you_mean
from onestop.training.compile import check_compiler
from onestop.training.default_network import LACKING, SMALL
from onestop.training.feasibility import refuse_impossible
from onestop.training.initial_weights import Start, preparation_note, start_of
from onestop.training.probe.head import LinearHead, NoProbe, linear_head
from onestop.weights.spelling import respelled


@dataclass(frozen=True)
class Plan:
    """What can be built, and refused, before any image is read.

    Attributes:
        recipe: Every setting.
        entry: The network in the catalogue.
        dataset: The splits.
        engine: Device and precision.
        task: What is learned.
        network: Built, with its initial or pretrained weights.
        arguments: What it was built with: `classes`, `channels`, `image_size`.
        preprocessing: As far as it does not depend on the pixels.
        heads: Names of the network's heads, if they are trained differently from the rest.
        notes: What a person should know of how it was built.
        given: The network as it came from Python, if it did.
        whys: The reasons of settings that nobody set, by name.
        linear_head: Where a probe is fitted, if one is.
        otherwise: Settings that the network turned out to need, each with the reason; with any, the
            run is to be planned anew.
        other_weights: Why the run cannot be begun if its initial weights are not those it names;
            empty if they are.
    """

    recipe: Recipe
    entry: Entry
    dataset: Dataset
    engine: Engine
    task: Task[Any]
    network: nn.Module
    arguments: dict[str, int]
    preprocessing: Preprocessing
    heads: list[str]
    notes: tuple[str, ...]
    given: Any = None
    whys: Mapping[str, str] = field(default_factory=dict)
    other_weights: str = ""
    linear_head: LinearHead | None = None
    otherwise: Mapping[str, tuple[object, str]] = field(default_factory=dict)


def plan(
    recipe: Recipe, entry: Entry, dataset: Dataset, given: Any = None, whys: Mapping[str, str] = {},
    *, download: bool = True,
) -> Plan:  # fmt: skip
    """Build the network and see that everything fits together; nothing is read or written.

    Random weights are a function of the seed.

    Args:
        recipe: Every setting.
        entry: The recipe's network.
        dataset: The recipe's source.
        given: The network, if it comes from Python; see `onestop.networks.build`.
        whys: The reasons of settings that nobody set, by name.
        download: Whether published weights may be downloaded.

    Raises:
        OneStopError: Parts that do not fit together, or weights that cannot be read.
    """
    _refuse_cache(recipe, dataset)
    engine = engine_for(recipe.machine)
    if recipe.machine.compile:
        check_compiler(engine.device)
    task = TASKS[dataset.task].from_recipe(recipe, dataset)
    check_monitor(recipe.evaluation.monitor, [metric.name for metric in task.metrics])
    arguments = _arguments(recipe.data, dataset, task)
    begin = start_of(recipe.network, entry, download=download)
    recipe, other_weights = _with_digest(recipe, begin)
    preprocessing = _declared(recipe.data, dataset, begin)
    with preserved():
        seed_torch(recipe.machine.seed, "weights")
        network = build(entry.name, **arguments, custom=given, needs=task.head().needs)
    notes = _weights_notes(recipe, network, begin, preprocessing, dataset.classes)
    heads = _heads(recipe.network, network, preprocessing)
    if heads:
        Freezing(network, heads).check(recipe.network.freeze)
    if recipe.optim.batch_size == 1 or entry.users or entry.origin == "timm":
        # Those of ours and of torchvision take two images of their minimum size and more.
        refuse_impossible(recipe, network, heads, preprocessing.shape)
    head, otherwise = _linear_head(recipe, network, heads, preprocessing, task, dataset, whys)
    return Plan(
        recipe, entry, dataset, engine, task, network, arguments, preprocessing, heads,
        notes, given, dict(whys), other_weights, head, otherwise,
    )  # fmt: skip


def _linear_head(
    recipe: Recipe, network: nn.Module, heads: list[str], preprocessing: Preprocessing,
    task: Task[Any], dataset: Dataset, whys: Mapping[str, str],
) -> tuple[LinearHead | None, dict[str, tuple[object, str]]]:  # fmt: skip
    """Where a probe is fitted if the recipe asks for one, or what must be set otherwise."""
    if recipe.network.probe == "none":
        return None, {}
    targets = dataset.splits["train"].targets.batch(np.zeros(2, np.int64))
    try:
        head = linear_head(network, heads, preprocessing.shape, task, targets)
    except NoProbe as error:
        return None, {"probe": ("none", f"no head can be fitted: {error}")}
    if not head.rectified or recipe.machine.precision in ("fp32", "tf32"):
        return head, {}
    if "precision" in whys:
        why = "the outputs of this network's head stay above 0, where 16 bits are too coarse"
        return None, {"precision": ("fp32", why)}
    return None, {"probe": ("none", f"in {recipe.machine.precision} its outputs are too coarse")}


def _with_digest(recipe: Recipe, start: Start | None) -> tuple[Recipe, str]:
    """The recipe with the hash of its initial weights; why they are others, if it had another one."""
    expected, actual = recipe.network.weights_digest, start.digest if start else "none"
    if expected == "none":
        return recipe.replace(weights_digest=actual), ""
    if expected in ("unknown", actual):
        return recipe, ""
    return recipe, (
        f"--weights {recipe.network.weights}: holds other tensors than those that the recipe names "
        f"({actual[:12]}..., not {expected[:12]}...); put the old ones back, or name these with "
        "--weights-digest none"
    )


def _weights_notes(
    recipe: Recipe, network: nn.Module, begin: Start | None, preprocessing: Preprocessing,
    classes: tuple[str, ...],
) -> tuple[str, ...]:  # fmt: skip
    """Fill the network with the weights to start from; what a person should know of it."""
    if begin is None:
        return ()
    tensors = respelled(begin.tensors, names_of_weights(network))
    filled = start(network, tensors, begin.source, begin.classes, classes)
    by_weights = recipe.data.normalize == "weights"
    note = preparation_note(begin, preprocessing, by_weights=by_weights)
    return (f"{begin.source}: {filled}", note) if note else (f"{begin.source}: {filled}",)


def lacking_weights(recipe: Recipe, whys: Mapping[str, str]) -> str:
    """The warning of a run that has random weights only because no others could be had; else empty."""
    why = whys.get("weights", "")
    if recipe.network.weights != "none" or not why.startswith(LACKING):
        return ""
    return f"warning: {why}; so it is trained from random weights, which is slower and far worse"


def _refuse_cache(recipe: Recipe, dataset: Dataset) -> None:
    """Stop if a cache is asked for that images in memory do not need, or that would not be checked."""
    cache, random = recipe.machine.cache, recipe.augmentation.augment == "resized-crop"
    if cache == "disk":
        limit(cache_folder())  # which a wrong setting of the environment would stop later
    train = dataset.splits["train"]
    if train.in_memory and (cache == "disk" or (random and cache == "memory")):
        raise UsageError(
            f"--cache {cache}: the images of {dataset.name} are already decoded and in memory; "
            "drop it"
        )
    kept = [dataset.splits[name] for name in ("train", "val") if name in dataset.splits]
    if cache == "disk" and not all(split.has_digests for split in kept):
        raise UsageError(
            f"--cache disk: images of {dataset.name} cannot be checked for changes without decoding "
            "them; use --cache memory"
        )


def check_monitor(name: str, known_names: Sequence[str]) -> None:
    """Stop if the metric to watch is not one that the task has.

    Raises:
        UsageError: Names those that it has.
    """
    if name not in known_names:
        known = ", ".join(known_names)
        raise UsageError(
            f"--monitor {name}: this task has {known}{did_you_mean(name, known_names)}"
        )


def _arguments(data: Data, dataset: Dataset, task: Task[Any]) -> dict[str, int]:
    channels = dataset.splits["train"].features or data.channels
    return {"classes": task.head().outputs, "channels": channels, "image_size": data.image_size}


def _heads(settings: Network, network: nn.Module, preprocessing: Preprocessing) -> list[str]:
    """The network's heads, if they are not trained like the rest."""
    alike = settings.backbone_lr_scale == settings.layer_decay == 1.0
    if settings.freeze == settings.probe == "none" and alike:
        return []
    return find_heads(network, preprocessing.shape)


def _declared(data: Data, dataset: Dataset, start: Start | None) -> Preprocessing:
    """The preprocessing, as far as the recipe determines it."""
    channels, size = data.channels, (data.image_size, data.image_size)
    if features := dataset.splits["train"].features:
        return VectorPreprocessing(features, (0.0,) * features, (1.0,) * features)
    # Those of the data replace them once images can be read, those of the weights below.
    other = {"dataset": "none", "weights": "imagenet"}
    mean, std = mean_and_std(other.get(data.normalize, data.normalize), channels)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    # The usual margin of photographs (224 of 256); small images are seen whole.
    crop_fraction = 0.875 if data.image_size > SMALL and data.fit == "crop" else 1.0
    if data.normalize == "weights":
        if start is None:
            raise UsageError("--normalize weights: there are no weights; name some with --weights")
        if isinstance(start.preprocessing, ImagePreprocessing):
            mean, std = start.preprocessing.mean, start.preprocessing.std
            interpolation = start.preprocessing.interpolation
            crop_fraction = start.preprocessing.crop_fraction
    if data.crop_fraction is not None and data.fit == "crop":
        crop_fraction = data.crop_fraction
    if len(mean) != channels:
        raise UsageError(
            f"--normalize {data.normalize}: is for {len(mean)} channels, --channels is {channels}; "
            "use --normalize dataset"
        )
    return ImagePreprocessing(
        channels, size, mean, std, data.fit, crop_fraction, interpolation,
        parsed(data.pixel_range),
    )  # fmt: skip
