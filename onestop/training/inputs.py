"""What a run reads: the preprocessing, with statistics of its images, and a loader for each split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from onestop.data.disk_cache import DiskCache
from onestop.data.for_training import training_loader
from onestop.data.loader import Loader
from onestop.data.pixels import choose_source
from onestop.data.preprocess import Preprocessing
from onestop.data.statistics import combine, sums_of
from onestop.errors import DataError
from onestop.runtime.rng import key_for, permutation

if TYPE_CHECKING:
    from onestop.training.plan import Plan

_STATISTICS_FROM = 2048  # images, if not all are in memory anyway


def training_inputs(plan: Plan, notes: list[str]) -> tuple[Preprocessing, Loader]:
    """The preprocessing and the training split; the former may need statistics of the latter.

    Args:
        plan: Of the run.
        notes: Takes what a person should know of caching.

    Raises:
        DataError: No training image can be read.
    """
    recipe, dataset, preprocessing = plan.recipe, plan.dataset, plan.preprocessing
    cache = recipe.machine.cache
    store = DiskCache(dataset.name, "train", notes) if cache == "disk" else None
    train = training_loader(
        recipe, dataset.splits["train"], preprocessing, plan.engine, keep=cache, store=store
    )
    if len(train.pixels.bad) == len(train.samples):
        first = train.skipped()[0]
        raise DataError(
            f"{dataset.name}: no training image can be read ({first.path}: {first.reason})"
        )
    if recipe.data.normalize == "dataset" and preprocessing.is_image:
        statistics = combine([sums_of(images) for images in train.prepared(_STATISTICS_FROM)])
        # A constant channel has zero standard deviation; do not divide by it.
        std = tuple(value if value > 1e-3 else 1.0 for value in statistics.std)
        preprocessing = preprocessing.normalised_by(statistics.mean, std)
        train = Loader(train.samples, preprocessing, train.augmentation, train.pixels, plan.engine)
    return preprocessing, train


def held_out_loaders(
    plan: Plan, preprocessing: Preprocessing, notes: list[str]
) -> dict[str, Loader]:
    """Of every split but `train`; the validation split is cached, since every epoch reads it."""
    dataset, machine = plan.dataset, plan.recipe.machine
    loaders = {}
    for name in dataset.splits.keys() - {"train"}:
        samples, on_disk = dataset.splits[name], name == "val" and machine.cache == "disk"
        pixels = choose_source(
            samples, preprocessing, workers=machine.workers,
            keep="disk" if on_disk else "small" if name == "val" else "none",
            store=DiskCache(dataset.name, name, notes) if on_disk else None,
        )  # fmt: skip
        loaders[name] = Loader(samples, preprocessing, pixels=pixels, engine=plan.engine)
    return loaders


def first_inputs(train: Loader) -> Tensor:
    """Normalised training images, chosen at random, for a network that starts from them."""
    images = torch.cat(list(train.prepared(_STATISTICS_FROM)))
    chosen = permutation(key_for("statistics"), len(images))[:_STATISTICS_FROM]
    inputs = train.engine.place_inputs(images[torch.from_numpy(chosen)])
    return train.preprocessing.normalise(inputs)
