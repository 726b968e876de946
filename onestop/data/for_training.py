"""The training split as a recipe wants it: with its random changes, and kept where it says."""

from __future__ import annotations

from onestop.data.augmentation import Augmentation
from onestop.data.disk_cache import DiskCache
from onestop.data.loader import Loader
from onestop.data.pixels import Keep, choose_source
from onestop.data.preprocess import Preprocessing
from onestop.data.samples import Samples
from onestop.recipe import Recipe
from onestop.runtime.device import CPU, Engine


def augmentation_of(recipe: Recipe) -> Augmentation:
    """The random changes that a resolved recipe describes."""
    return Augmentation(
        policy=recipe.augment or "none",
        padding=recipe.crop_padding,
        auto=recipe.auto_augment,
        color=recipe.color_jitter,
        erase=recipe.erase,
        mixup=recipe.mixup,
        cutmix=recipe.cutmix,
        seed=recipe.seed,
    )


def training_loader(
    recipe: Recipe,
    samples: Samples,
    preprocessing: Preprocessing,
    engine: Engine = CPU,
    *,
    keep: Keep = "none",
    store: DiskCache | None = None,
) -> Loader:
    """The batches that a run trains on; for `keep` and `store` see `choose_source`."""
    augmentation = augmentation_of(recipe)
    pixels = choose_source(
        samples, preprocessing, parts=augmentation.cuts_parts, workers=recipe.workers or 0,
        keep=keep, store=store,
    )  # fmt: skip
    return Loader(samples, preprocessing, augmentation, pixels, engine)
