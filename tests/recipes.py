"""A complete recipe for tests that build parts of a run by hand."""

from __future__ import annotations

from typing import Any

from onestop.recipe import Recipe

DERIVED: dict[str, Any] = {
    "channels": 1, "image_size": 32, "fit": "crop", "pixel_range": "full", "normalize": "dataset",
    "augment": "none", "crop_padding": 0, "mixup": 0.0,
    "weights": "none", "probe": "none", "layer_decay": 1.0,
    "label_smoothing": 0.0,
    "model": "lenet5", "freeze": "none", "unfreeze_after": 0, "cached_augmentations": 0,
    "backbone_lr_scale": 1.0, "epochs": 2, "batch_size": 32, "optimizer": "sgd",
    "clip_grad": 0.0, "lr": 0.05, "momentum": 0.9,
    "weight_decay": 5e-4, "step_epochs": 10, "warmup_epochs": 0.0, "ema": 0.0,
    "monitor": "accuracy", "patience": 0, "device": "cpu", "precision": "fp32",
    "memory_format": "contiguous", "workers": 0, "cache": "memory", "threads": 1,
}  # fmt: skip
"""A value for every field without a built-in default."""


def recipe(**changes: Any) -> Recipe:
    """A recipe of built-in and usual values, with some settings changed by their flat names."""
    return Recipe.from_values({**DERIVED, **changes})
