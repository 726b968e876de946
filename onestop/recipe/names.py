"""Names of settings: their own, and those of other tools and earlier versions."""

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
    "budget": "time_budget",
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
"""Other names for settings and arguments of `train`, accepted wherever the canonical one is."""

PYTHON = "(given in Python) "
"""How the names of networks passed in Python begin."""


def names_code(model: str) -> bool:
    """Whether the name of a network stands for a user's own, which needs the user's code to build.

    >>> names_code("net.py:Net"), names_code("lenet5")
    (True, False)
    """
    return ".py:" in model or model.endswith(".py") or model.startswith(PYTHON)


def canonical(name: str) -> str:
    """The field that `name` stands for: with dashes or underscores, or an alias."""
    plain = name.replace("-", "_")
    return ALIASES.get(plain, plain)
