"""What people call a setting: by its own name, or as in another tool or an earlier version."""

from __future__ import annotations

ALIASES = {
    "data": "source",
    "arch": "model",
    "aa": "auto_augment",
    "random_erase": "erase",
    "reprob": "erase",
    "mixup_alpha": "mixup",
    "cutmix_alpha": "cutmix",
    "views": "cached_augmentations",
    "b": "batch_size",
    "batch": "batch_size",
    "e": "epochs",
    "num_train_epochs": "epochs",
    "imgsz": "image_size",
    "img_size": "image_size",
    "j": "workers",
    "learning_rate": "lr",
    "lr0": "lr",
    "opt": "optimizer",
    "sched": "schedule",
    "lr_scheduler": "schedule",
    "smoothing": "label_smoothing",
    "wd": "weight_decay",
    "amp": "precision",
    "normalise": "normalize",
    "output": "out",
    "output_dir": "out",
    "project": "out",
    "config": "recipe",
    "c": "recipe",
}
"""Other names of settings and of arguments of `train`; accepted wherever the right name is."""


def canonical(name: str) -> str:
    """The field that `name` means: dashes or underscores, or another name of it."""
    plain = name.replace("-", "_")
    return ALIASES.get(plain, plain)
