"""A recipe's random changes reach the batches."""

from __future__ import annotations

import numpy as np

from onestop.data import open_data
from onestop.data.augmentation import NONE, Augmentation
from onestop.data.for_training import augmentation_of, training_loader
from onestop.data.pixels import Arrays, Cached, RandomPart
from onestop.data.preprocess import ImagePreprocessing
from tests.recipes import recipe

SIZE = ImagePreprocessing(1, (8, 8), (0.5,), (0.5,))


def test_every_change_of_a_recipe_is_one_of_its_augmentation() -> None:
    chosen = recipe(
        augment="flip-crop", crop_padding=3, auto_augment="rand", color_jitter=0.1, erase=0.2,
        mixup=0.3, cutmix=0.4, seed=5,
    )  # fmt: skip
    wanted = Augmentation("flip-crop", 3, "rand", 0.1, 0.2, 0.3, 0.4, 5)
    assert augmentation_of(chosen) == wanted
    assert augmentation_of(recipe(augment="none", crop_padding=None)) == NONE


def test_a_loader_augments_as_its_recipe_says() -> None:
    samples = open_data("digits").splits["train"]
    loader = training_loader(recipe(augment="flip", seed=4), samples, SIZE)
    assert loader.augmentation == Augmentation("flip", 0, seed=4)
    assert isinstance(loader.pixels, Arrays)
    (batch,) = loader.train([np.arange(50)], 0)
    (plain,) = training_loader(recipe(augment="none"), samples, SIZE).train([np.arange(50)], 0)
    assert 10 < (batch.inputs != plain.inputs).flatten(1).any(1).sum() < 40


def test_what_is_kept_is_what_was_asked_for() -> None:
    samples = open_data("digits").splits["train"]
    kept = training_loader(recipe(augment="flip"), samples, SIZE, keep="memory")
    assert isinstance(kept.pixels, Cached)
    parts = training_loader(recipe(augment="resized-crop", workers=3), samples, SIZE)
    assert isinstance(parts.pixels, RandomPart)
    assert parts.pixels.workers == 3
