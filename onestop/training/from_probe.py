"""Derived settings of runs that start from a probe: how pretrained weights are trained further.

What is fitted already must not be damaged: small steps, smaller ones for earlier stages, BatchNorm as
it is, and targets soft enough that the loss does not reward being surer than the probe is. What paid on
several sets and networks, and what did not, is in `benchmarks/results/probe.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onestop.data.dataset import DatasetInfo
from onestop.recipe.markers import is_on
from onestop.tasks import TASKS
from onestop.training.default_network import SMALL

_Rules = dict[str, tuple[object, str]]

SEEN = 1_500
"""Training images that are seen in all, if that is between the fewest and the most epochs."""
FEWEST, MOST = 3, 8
FEW = 2_000
"""Images below which the first half of the stages stays as it is: fewer teach it nothing general."""


def probe_rules(known: Mapping[str, Any], info: DatasetInfo, size: int) -> _Rules:
    """Whether a probe is fitted first, and whether it also chooses size and crop.

    Args:
        known: Settings by name, as far as somebody has set them.
        info: The data.
        size: Usual pixels per side of the network's input.
    """
    if known["weights"] == "none" or info.vectors:
        return {"probe": ("none", "random weights have no features worth fitting a head to")}
    if not TASKS[info.task].curvature:
        return {"probe": ("none", f"no head can be fitted for {info.task}")}
    if is_on(known.get("unfreeze_after", 0)) or "cached_augmentations" in known:
        return {"probe": ("none", "the head is trained first, as was asked for")}
    chosen = "image_size" in known or known["crop_fraction"] is not None or size <= SMALL
    if chosen or known.get("normalize") == "dataset" or known.get("channels", 3) != 3:
        return {"probe": ("fit", "a usable model after one pass over the images")}
    why = "a usable model after a few passes; the size and crop that suit the images best"
    return {"probe": ("choose", why)}


def rules(known: Mapping[str, Any], info: DatasetInfo) -> _Rules:
    """How training goes on from a probe; empty for runs without one.

    Args:
        known: Settings by name, as far as they are known: `probe` at least.
        info: The data.
    """
    if known["probe"] == "none":
        return {}
    count, shares = info.images, TASKS[info.task].takes_shares
    batch = min(count, 16 if count < 1_000 else 32 if count < 10_000 else 64)
    epochs = round(max(FEWEST, min(MOST, SEEN / count)))
    soft = "else training only makes a fitted head surer of itself"
    hard = f"{info.task} has no shares of classes"
    unmixed = hard if not shares else _unmixed(known, batch)
    optimizer = known.get("optimizer", "adamw")
    return {
        "batch_size": (batch, f"for {count:,} training images"),
        "epochs": (
            epochs,
            f"about {SEEN:,} images in all, {FEWEST} to {MOST} passes over {count:,}",
        ),
        "freeze": _frozen(count),
        "unfreeze_after": (0, "what is frozen stays frozen"),
        "backbone_lr_scale": (1.0, "the rates of earlier stages follow from --layer-decay"),
        "layer_decay": (0.9, "early stages need the smallest changes"),
        "optimizer": ("adamw", "usual for fine-tuning"),
        "lr": _rate(optimizer),
        "warmup_epochs": _warmup(known, epochs),
        "label_smoothing": (0.1, soft) if shares else (0.0, hard),
        "mixup": (0.0, unmixed) if unmixed else (0.2, soft),
        "monitor": ("loss", "says more than any other metric of few images"),
        "patience": (0, "a learning rate that falls to zero makes the last epochs the best"),
    }


def _frozen(count: int) -> tuple[str, str]:
    if count < FEW:
        return "half", f"{count:,} images teach early stages nothing general, and steps are faster"
    return "none", f"{count:,} images are enough to train all stages"


def _unmixed(known: Mapping[str, Any], batch: int) -> str:
    """Why images cannot be mixed; empty if they can."""
    if known.get("batch_size", batch) == 1:
        return "a batch of one image has none to mix it with"
    return "features are cached, which mixing excludes" if known.get("freeze") == "backbone" else ""


def _rate(optimizer: str) -> tuple[float, str]:
    if optimizer == "sgd":
        return 0.004, "small steps for pretrained weights"
    return 3e-4, f"small steps for pretrained weights, with {optimizer}"


def _warmup(known: Mapping[str, Any], epochs: int) -> tuple[float, str]:
    epochs = known.get("epochs", epochs)
    if known["schedule"] == "one-cycle":
        return round(0.3 * epochs, 2), "one-cycle rises over three tenths of the run"
    return round(0.1 * epochs, 2), "a tenth of the run, so that the first steps damage nothing"
