"""The training loader of a recipe: augmentation and caching as configured."""

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
    """The augmentation that a recipe configures."""
    return Augmentation(
        policy=recipe.augmentation.augment,
        padding=recipe.augmentation.crop_padding,
        auto=recipe.augmentation.auto_augment,
        color=recipe.augmentation.color_jitter,
        erase=recipe.augmentation.erase,
        zoom=recipe.augmentation.zoom,
        mixup=recipe.augmentation.mixup,
        cutmix=recipe.augmentation.cutmix,
        seed=recipe.machine.seed,
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
    """The loader that a run trains on; for `keep` and `store` see `choose_source`."""
    augmentation = augmentation_of(recipe)
    pixels = choose_source(
        samples, preprocessing, parts=augmentation.cuts_parts, workers=recipe.machine.workers,
        keep=keep, store=store,
    )  # fmt: skip
    return Loader(samples, preprocessing, augmentation, pixels, engine)
