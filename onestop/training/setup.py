"""From a plan to the parts of a run, put together in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from onestop.data.augmentation import Changes
from onestop.data.dataset import Dataset
from onestop.data.disk_cache import DiskCache
from onestop.data.loader import Loader
from onestop.data.mixing import Mixing
from onestop.data.preprocess import ImagePreprocessing, Preprocessing
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
from onestop.recipe import Cache, Recipe
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
            if short and frozen_in(self.recipe, self.training.progress.epoch) == "backbone":
                batches = short.in_order(feed, self.batch_size)
                return score(short.tail(network), self.task, batches, self.engine).metrics
            return self.score(network, "val").metrics

        return scored

    def score(self, network: nn.Module, split: str, *, keep_outputs: bool = False) -> Scored:
        """Score a network on a split, with BatchNorm folded as a finished model has it."""
        batches = self.feeds[split].in_order(self.batch_size)
        fast = augmented(self.folding(network), self.recipe.tta)
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
    if recipe.weights == "none" and isinstance(network, StartsFromImages):
        network.start_from(_first_inputs(train, engine))
    training = Training(
        network=network,
        optimizer=optimizer_for(recipe, network, _scales(recipe, network, heads)),
        freezing=Freezing(network, heads) if heads else None,
        average=MovingAverage(network, recipe.ema) if recipe.ema else None,
        scaler=torch.amp.GradScaler(engine.device.type) if recipe.precision == "fp16" else None,
    )
    feeds = {"train": train}
    for name in dataset.splits.keys() - {"train"}:
        on_disk = name == "val" and recipe.cache == "disk"
        feeds[name] = Loader(
            dataset.splits[name], preprocessing, engine=engine, workers=recipe.workers or 0,
            keep=name == "val", cache="disk" if on_disk else None,
            store=DiskCache(dataset.name, name, said) if on_disk else None,
        )  # fmt: skip
    card = Card(
        network=planned.entry.name,
        arguments=planned.arguments,
        classes=dataset.classes,
        preprocessing=preprocessing.to_json(),
        recipe=dataclasses.asdict(recipe),
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


def _scales(recipe: Recipe, network: nn.Module, heads: list[str]) -> dict[str, float]:
    """The share of the learning rate of parameters that do not have the full one, by name."""
    scales = {}
    if heads:
        scale = recipe.backbone_lr_scale or 1.0
        scales = rate_scales(network, heads, scale, recipe.layer_decay)
    if isinstance(network, ScalesRates):
        for name, share in network.rate_scales().items():
            scales[name] = share * scales.get(name, 1.0)
    return scales


def _shortened(parts: Parts, heads: list[str]) -> Parts:
    """With what a frozen backbone computes kept, where there is one and it pays."""
    recipe = parts.recipe
    if recipe.freeze != "backbone" or not recipe.views:
        return parts
    frozen = recipe.unfreeze_after or recipe.epochs or 0
    refusal = "it has several heads" if len(heads) > 1 else ""
    if recipe.tta != "none":
        refusal = f"--tta {recipe.tta} shows it each image twice"
    if recipe.mixup or recipe.cutmix:
        refusal = "mixed images are new in every batch"
    if not refusal:
        views = min(recipe.views, frozen)
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
    store = DiskCache(dataset.name, "train", said) if recipe.cache == "disk" else None
    train = training_loader(recipe, dataset, preprocessing, engine, cache=recipe.cache, store=store)
    if len(train.bad) == len(train.samples):
        name, reason = train.samples.name(0), train.bad[0]
        raise DataError(f"{dataset.name}: no training image can be read ({name}: {reason})")
    if recipe.normalize == "dataset" and isinstance(preprocessing, ImagePreprocessing):
        found = combine([sums_of(images) for images in train.prepared(_STATISTICS_FROM)])
        # A channel that never varies must not be divided by nothing.
        std = tuple(value if value > 1e-3 else 1.0 for value in found.std)
        preprocessing = dataclasses.replace(preprocessing, mean=found.mean, std=std)
        train.preprocessing = preprocessing
    return preprocessing, train


def training_loader(
    recipe: Recipe, dataset: Dataset, preprocessing: Preprocessing, engine: Engine, *,
    cache: Cache | None = None, store: DiskCache | None = None, keep: bool = True,
) -> Loader:  # fmt: skip
    """The training split with the recipe's random changes; for the rest see `Loader`."""
    return Loader(
        dataset.splits["train"], preprocessing, engine=engine, workers=recipe.workers or 0,
        augment=recipe.augment or "none", padding=recipe.crop_padding,
        seed=recipe.seed, keep=keep, cache=cache, store=store,
        changes=Changes(recipe.auto_augment, recipe.color_jitter, recipe.erase),
        mixing=Mixing(recipe.mixup, recipe.cutmix, len(dataset.classes)),
    )  # fmt: skip


def held_out(parts: Parts) -> str:
    """The split the final figures are of: test, else val, else what there is."""
    return next(name for name in ("test", "val", "train") if name in parts.feeds)


def kept_model(folder: Path) -> dict[str, Tensor]:
    """The tensors of the best network of a run."""
    return read_weights(model_path(folder))
