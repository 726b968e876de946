"""From a plan to the parts of a run, put together in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from onestop.data.dataset import Dataset
from onestop.data.disk_cache import DiskCache
from onestop.data.for_training import training_loader
from onestop.data.loader import Loader
from onestop.data.pixels import choose_source
from onestop.data.preprocess import Preprocessing
from onestop.data.statistics import combine, sums_of
from onestop.errors import DataError
from onestop.inference.score import Scored, batch_size, score
from onestop.metrics import Metrics
from onestop.networks.catalog import Entry
from onestop.networks.freezing import Freezing, rate_scales
from onestop.networks.fuse import Folding
from onestop.networks.protocols import ScalesRates, StartsFromImages
from onestop.networks.tta import augmented
from onestop.optim.ema import MovingAverage
from onestop.optim.optimizers import optimizer_for
from onestop.recipe import Network, Recipe
from onestop.recipe.schema import useless
from onestop.runtime.device import Engine
from onestop.runtime.fingerprint import fingerprint
from onestop.runtime.rng import key_for, permutation
from onestop.storage.model_file import Card, model_path, read_weights
from onestop.tasks import Task
from onestop.training.feature_cache import FeatureCache
from onestop.training.loop import frozen_in
from onestop.training.plan import Plan
from onestop.training.state import Training

_STATISTICS_FROM = 2048  # images, where not all are in memory anyway


@dataclass
class Parts:
    """The parts of a run."""

    recipe: Recipe
    entry: Entry
    dataset: Dataset
    engine: Engine
    task: Task[Any]
    preprocessing: Preprocessing
    training: Training
    feeds: dict[str, Loader]
    folding: Folding
    card: Card
    shortcut: FeatureCache | None = None
    said: tuple[str, ...] = ()

    def evaluate(self) -> Callable[[nn.Module], Metrics] | None:
        """The function that scores a network on the validation split, if there is one."""
        if "val" not in self.feeds:
            return None
        feed = self.feeds["val"]

        def scored(network: nn.Module) -> Metrics:
            short = self.shortcut
            if short and frozen_in(self.recipe.network, self.training.progress.epoch) == "backbone":
                batches = short.in_order(feed, self.batch_size)
                return score(short.tail(network), self.task, batches, self.engine).metrics
            return self.score(network, "val").metrics

        return scored

    def score(self, network: nn.Module, split: str, *, keep_outputs: bool = False) -> Scored:
        """Score a network on a split, with BatchNorm folded as a finished model has it."""
        batches = self.feeds[split].in_order(self.batch_size)
        fast = augmented(self.folding(network), self.recipe.evaluation.tta)
        return score(fast, self.task, batches, self.engine, keep_outputs=keep_outputs)

    @property
    def batch_size(self) -> int:
        """Images scored at once."""
        return batch_size(self.preprocessing.shape)


def assemble(planned: Plan) -> Parts:
    """Prepare the images and build the rest of what a run needs.

    Raises:
        DataError: No training image can be read.
    """
    recipe, dataset, engine, network = (
        planned.recipe, planned.dataset, planned.engine, planned.network,
    )  # fmt: skip
    said: list[str] = []
    preprocessing, train = _inputs(recipe, dataset, engine, planned.preprocessing, said)
    engine.place(network)
    heads = planned.heads
    if recipe.network.weights == "none" and isinstance(network, StartsFromImages):
        network.start_from(_first_inputs(train, engine))
    training = Training(
        network=network,
        optimizer=optimizer_for(recipe.optim, network, _scales(recipe.network, network, heads)),
        freezing=Freezing(network, heads) if heads else None,
        average=MovingAverage(network, recipe.optim.ema) if recipe.optim.ema else None,
        scaler=torch.amp.GradScaler(engine.device.type) if engine.precision == "fp16" else None,
    )
    feeds = {"train": train}
    for name in dataset.splits.keys() - {"train"}:
        samples, on_disk = dataset.splits[name], name == "val" and recipe.machine.cache == "disk"
        pixels = choose_source(
            samples, preprocessing, workers=recipe.machine.workers,
            keep="disk" if on_disk else "small" if name == "val" else "none",
            store=DiskCache(dataset.name, name, said) if on_disk else None,
        )  # fmt: skip
        feeds[name] = Loader(samples, preprocessing, pixels=pixels, engine=engine)
    card = Card(
        network=planned.entry.name,
        arguments=planned.arguments,
        classes=dataset.classes,
        preprocessing=preprocessing.to_json(),
        recipe=recipe.values(),
        data={"name": dataset.name, "fingerprint": dataset.fingerprint()},
        made_with=fingerprint(engine),
        task=planned.task.name,
        task_options=planned.task.options(),
    )
    parts = Parts(
        recipe, planned.entry, dataset, engine, planned.task, preprocessing, training, feeds,
        Folding(network, preprocessing.shape), card, said=tuple(said),
    )  # fmt: skip
    return _shortened(parts, heads)


def _first_inputs(train: Loader, engine: Engine) -> Tensor:
    """Normalised training images, chosen by chance, for a network that starts from them."""
    images = torch.cat(list(train.prepared(_STATISTICS_FROM)))
    chosen = permutation(key_for("statistics"), len(images))[:_STATISTICS_FROM]
    return train.preprocessing.normalise(engine.place_inputs(images[torch.from_numpy(chosen)]))


def _scales(chosen: Network, network: nn.Module, heads: list[str]) -> dict[str, float]:
    """The learning rate of parameters that do not have the full one, relative to it, by name."""
    scales = {}
    if heads:
        scales = rate_scales(network, heads, chosen.backbone_lr_scale, chosen.layer_decay)
    if isinstance(network, ScalesRates):
        for name, share in network.rate_scales().items():
            scales[name] = share * scales.get(name, 1.0)
    return scales


def _shortened(parts: Parts, heads: list[str]) -> Parts:
    """With what a frozen backbone computes kept, where there is one and it pays."""
    recipe, network = parts.recipe, parts.recipe.network
    if network.freeze != "backbone" or not network.cached_augmentations:
        return parts
    frozen = network.unfreeze_after or recipe.optim.epochs
    refusal = "it has several heads" if len(heads) > 1 else ""
    if obstacle := useless(recipe.values()).get("cached_augmentations"):
        refusal = f"features cannot be cached with {obstacle}"
    if not refusal:
        views = min(network.cached_augmentations, frozen)
        short = FeatureCache(parts.training.network, heads[0], parts.folding, parts.engine, views)
        images = len(parts.feeds["train"].samples)
        refusal = short.refusal(parts.preprocessing.shape, images)
        if not refusal:
            return dataclasses.replace(parts, shortcut=short)
    said = f"note: {parts.entry.name}: the frozen part runs anew in every epoch, since {refusal}"
    return dataclasses.replace(parts, said=(*parts.said, said))


def _inputs(
    recipe: Recipe, dataset: Dataset, engine: Engine, preprocessing: Preprocessing, said: list[str]
) -> tuple[Preprocessing, Loader]:
    """The preprocessing and the training split; the one may need statistics of the other."""
    store = DiskCache(dataset.name, "train", said) if recipe.machine.cache == "disk" else None
    train = training_loader(
        recipe, dataset.splits["train"], preprocessing, engine, keep=recipe.machine.cache,
        store=store,
    )  # fmt: skip
    if len(train.pixels.bad) == len(train.samples):
        first = train.skipped()[0]
        raise DataError(
            f"{dataset.name}: no training image can be read ({first.path}: {first.reason})"
        )
    if recipe.data.normalize == "dataset" and preprocessing.is_image:
        found = combine([sums_of(images) for images in train.prepared(_STATISTICS_FROM)])
        # A constant channel has zero standard deviation; do not divide by it.
        std = tuple(value if value > 1e-3 else 1.0 for value in found.std)
        preprocessing = preprocessing.normalised_by(found.mean, std)
        train = Loader(train.samples, preprocessing, train.augmentation, train.pixels, engine)
    return preprocessing, train


def held_out(parts: Parts) -> str:
    """The split the final figures are of: test, else val, else what there is."""
    return next(name for name in ("test", "val", "train") if name in parts.feeds)


def kept_model(folder: Path) -> dict[str, Tensor]:
    """The tensors of the best network of a run."""
    return read_weights(model_path(folder))
