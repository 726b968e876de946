"""The values that nobody set, derived from the data and the network, each with its reason.

Rules, not measurements: the same data and flags give the same recipe on every day. The rules know
four situations (`Situation`); `benchmarks/results/defaults.md` has what they were judged by.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch

from onestop.data.augmentation import eighth
from onestop.data.dataset import DatasetInfo
from onestop.data.pixels import KEEP_BYTES
from onestop.errors import UsageError
from onestop.networks import find
from onestop.networks.catalog import Entry
from onestop.networks.profile import Traits, suited_format, traits
from onestop.recipe import Precision, Recipe
from onestop.recipe.config import Settings, refuse_useless
from onestop.runtime.device import choose_device, compute_threads, computes_in_bf16, cores

Rules: TypeAlias = dict[str, tuple[object, str]]
"""Values by name of the setting, each with its reason."""

Situation = Literal["fine-tuning", "photographs", "small images", "vectors"]
"""What is trained on what: pretrained weights, or from random ones photographs, images of at most
`SMALL` pixels a side, or vectors."""

_PHOTOGRAPHS = "resnet18"
SMALL = 64
"""Networks that see at most this many pixels a side follow the rules for small images."""
_FOR_IMAGES = (
    "label_smoothing", "balance", "augment", "crop_padding", "auto_augment", "color_jitter",
    "erase", "mixup", "cutmix", "tta", "fit", "image_size", "channels", "cache",
)  # fmt: skip


def derive(settings: Settings, facts: DatasetInfo) -> tuple[Settings, Entry]:
    """Fill in every value that is still None, and say what the network's name stands for.

    Raises:
        UsageError: Values that contradict each other or the data.
    """
    model, why = _default_model(facts)
    entry = find(settings.recipe.model or model)
    if not entry.users and entry.vectors != facts.vectors:
        takes, have = ("vectors", "images") if entry.vectors else ("images", "vectors")
        raise UsageError(
            f"--model {entry.name}: takes {takes}, and these are {have}; leave it out, or choose "
            "another (`onestop models` lists them)"
        )
    rules: Rules = {"model": (model, why)}
    if (
        settings.recipe.model is None
        and settings.recipe.weights == "none"
        and model == _PHOTOGRAPHS
    ):
        rules["image_size"] = (
            128,
            "three times as fast as the usual 224; from random weights many passes count more",
        )
    rules = {**_input_rules(_fill(settings, rules).recipe, facts, entry), **rules}
    rules |= _machine_rules(settings.recipe)
    settings = _fill(settings, rules)
    settings = _fill(settings, _engine_rules(settings.recipe, facts, entry))
    settings = _fill(settings, _cache_rules(settings.recipe, facts))
    settings = _fill(settings, _length_rules(settings.recipe, facts))
    settings = _fill(settings, _freezing_rules(settings.recipe))
    settings = _fill(settings, _learning_rules(settings.recipe, facts))
    refuse_useless(settings)
    _refuse_contradictions(settings, facts)
    return settings, entry


def _fill(settings: Settings, rules: Rules) -> Settings:
    for name, (value, why) in rules.items():
        if getattr(settings.recipe, name) is None:
            settings = settings.derive(name, value, why)
    return settings


def _default_model(facts: DatasetInfo) -> tuple[str, str]:
    if facts.vectors:
        return "linear", "the first to try on vectors"
    if max(facts.height, facts.width) > SMALL:
        return (
            _PHOTOGRAPHS,
            "the usual first network for photographs; better with --weights default",
        )
    if facts.channels == 1:
        return "lenet5", "small and good enough for small grey images"
    return "resnet9", "learns small colour images well in little time"


def _input_rules(recipe: Recipe, facts: DatasetInfo, entry: Entry) -> Rules:
    if facts.vectors:
        not_used = "vectors are taken as they are"
        return {
            "channels": (1, not_used),
            "image_size": (1, not_used),
            "normalize": ("none", not_used),
            "augment": ("none", not_used),
            "crop_padding": (0, not_used),
        }
    size: int = recipe.image_size or entry.image_size
    channels: int = recipe.channels or entry.channels
    takes = f"what {entry.name} takes"
    if entry.users:  # nobody knows but its author
        takes = "as the images are, for a network of your own"
        channels = recipe.channels or facts.channels
        if recipe.image_size is None and (largest := max(facts.height, facts.width)) <= SMALL:
            size = largest
    if recipe.weights != "none":
        normalize = ("weights", "pretrained weights expect the images they were trained on")
    else:
        normalize = ("dataset", "mean 0 and deviation 1 suit random weights")
    if size > SMALL:
        augment = ("resized-crop", "photographs are seldom framed alike")
    elif facts.channels == 3:
        augment = ("flip-crop", "usual for small colour images")
    else:
        augment = ("crop", "grey images are often signs: they may be shifted, but not mirrored")
    return {
        "channels": (channels, takes),
        "image_size": (size, takes),
        "normalize": normalize,
        "augment": augment,
        "crop_padding": _padding(recipe.augment or augment[0], size),
    }


def _padding(augment: str, size: int) -> tuple[int, str]:
    if augment not in ("crop", "flip-crop"):
        return 0, f"--augment {augment} adds nothing around images"
    return eighth(size), f"an eighth of {size} pixels, as is usual"


def situation(recipe: Recipe, facts: DatasetInfo) -> Situation:
    """Which rules a run follows; its image size must be known."""
    assert recipe.image_size is not None
    if facts.vectors:
        return "vectors"
    if recipe.weights != "none":
        return "fine-tuning"
    return "photographs" if recipe.image_size > SMALL else "small images"


def _length_rules(recipe: Recipe, facts: DatasetInfo) -> Rules:
    count = facts.images
    batch = 128 if count >= 10_000 else 64 if count >= 2_000 else 32 if count >= 500 else 16
    if situation(recipe, facts) == "fine-tuning":
        batch = max(batch, 32)
        epochs = round(max(5, min(15, 30_000 / count)))
        why = f"about 30,000 images in all, 5 to 15 passes over {count:,}"
    else:
        epochs = round(max(10, min(40, 600_000 / count), min(200, 40_000 / count)))
        why = f"10 to 40 passes over {count:,}, and with few images up to 200 to see 40,000 in all"
    return {
        "batch_size": (min(batch, count), f"for {count:,} training images"),
        "epochs": (epochs, why),
    }


def _learning_rules(recipe: Recipe, facts: DatasetInfo) -> Rules:
    assert recipe.batch_size is not None
    assert recipe.epochs is not None
    kind, epochs = situation(recipe, facts), recipe.epochs
    steps = epochs * math.ceil(facts.images / recipe.batch_size)
    momentum = 0.9 if recipe.optimizer == "sgd" else 0.0
    decay = {"sgd": 5e-4, "adamw": 0.01}.get(recipe.optimizer, 0.0)
    if kind == "fine-tuning" and "val" in facts.splits:
        patience = (max(4, epochs // 2), "half of the run without a better epoch")
    else:
        patience = (0, "a rate that falls to zero makes the last epochs the best")
    return {
        "lr": _rate(recipe, kind),
        "ema": (
            round(max(0.0, 1 - 20 / max(steps, 20)), 5),
            f"over a twentieth of {steps:,} steps",
        ),
        "momentum": (momentum, f"usual for {recipe.optimizer}"),
        "weight_decay": (decay, f"usual for {recipe.optimizer}"),
        "warmup_epochs": _warmup(recipe.schedule, epochs),
        "step_epochs": (10, "a tenth every ten epochs"),
        "monitor": ("loss" if kind == "vectors" else "accuracy", "what the task is about"),
        "patience": patience,
    }


def _rate(recipe: Recipe, kind: Situation) -> tuple[float, str]:
    assert recipe.batch_size is not None
    if recipe.optimizer != "sgd":
        return 1e-3, f"usual for {recipe.optimizer}"
    if kind == "fine-tuning":
        return 0.004, "small steps for a new head on pretrained weights"
    rate = min(0.1, 0.05 * math.sqrt(recipe.batch_size / 128))
    return round(rate, 4), "0.05 for a batch of 128, growing with its root, at most 0.1"


def _warmup(schedule: str, epochs: int) -> tuple[float, str]:
    if schedule == "one-cycle":
        return round(0.3 * epochs, 2), "one-cycle rises over three tenths of the run"
    if schedule == "cosine":
        return round(min(1.0, 0.05 * epochs), 2), "a twentieth of the run, at most one epoch"
    return 0.0, f"a {schedule} schedule starts at its rate"


def _freezing_rules(recipe: Recipe) -> Rules:
    if recipe.weights == "none":
        why = "random weights have to learn from the start"
        return {
            "freeze": ("none", why),
            "unfreeze_after": (0, why),
            "backbone_lr_scale": (1.0, why),
            "views": _views(recipe, recipe.freeze or "none"),
        }
    assert recipe.epochs is not None
    scale = (0.25, "pretrained weights need small changes only")
    if recipe.freeze is not None:
        why = "what was asked to be frozen stays frozen"
        return {
            "unfreeze_after": (0, why),
            "backbone_lr_scale": scale,
            "views": _views(recipe, recipe.freeze),
        }
    return {
        "freeze": ("backbone", "a new head learns first, else it would spoil the backbone"),
        "unfreeze_after": (
            max(1, recipe.epochs // 5),
            "a fifth of the run, then everything learns",
        ),
        "backbone_lr_scale": scale,
        "views": _views(recipe, "backbone"),
    }


def _views(recipe: Recipe, frozen: str) -> tuple[int, str]:
    if frozen != "backbone":
        return 0, "everything that is kept from a pass changes with the next step"
    if recipe.mixup or recipe.cutmix:
        return 0, "mixed images are new in every batch"
    if recipe.augment == recipe.auto_augment == "none" and not (
        recipe.color_jitter or recipe.erase
    ):
        return 1, "without augmentation all views are alike"
    return 4, "a few views teach a head as much as many"


def _machine_rules(recipe: Recipe) -> Rules:
    return {
        "device": (str(choose_device(recipe.device)), "the fastest in this machine"),
        "workers": (cores(), "a thread a processor core"),
        "threads": compute_threads(),
    }


def _engine_rules(recipe: Recipe, facts: DatasetInfo, entry: Entry) -> Rules:
    """By rules from the network and the hardware and not by timing, so that runs repeat."""
    if recipe.precision and recipe.memory_format:
        return {}
    assert recipe.channels is not None
    assert recipe.image_size is not None
    found = traits(entry, facts.classes, recipe.channels, recipe.image_size)
    return {
        "precision": _precision(choose_device(recipe.device), found),
        "memory_format": suited_format(convolutions=found.convolutions)
        if found
        else ("contiguous", "torch's own"),
    }


def _precision(device: torch.device, found: Traits | None) -> tuple[Precision, str]:
    if not computes_in_bf16(device):
        return "fp32", f"this {device.type} has no fast 16 bits"
    if device.type == "cuda":
        return "bf16", "this GPU computes in bf16 natively"
    if found is None:
        return "fp32", "exact; bf16 may be faster, but nothing is known of your own network"
    return found.precision()


def _cache_rules(recipe: Recipe, facts: DatasetInfo) -> Rules:
    if facts.vectors:
        return {"cache": ("memory", "vectors are taken as they are")}
    if recipe.augment == "resized-crop":
        return {"cache": ("none", "parts are cut out of whole images; kept ones are smaller")}
    assert recipe.channels is not None
    assert recipe.image_size is not None
    size = facts.images * recipe.channels * recipe.image_size**2
    if size > KEEP_BYTES:
        return {"cache": ("none", f"{size / 2**30:.1f} GiB of images are more than 2 GiB")}
    return {"cache": ("memory", f"{size / 2**20:,.1f} MiB of images are no more than 2 GiB")}


def _refuse_contradictions(settings: Settings, facts: DatasetInfo) -> None:
    recipe = settings.recipe
    assert recipe.epochs is not None
    assert recipe.batch_size is not None
    assert recipe.warmup_epochs is not None
    if recipe.patience and "val" not in facts.splits:
        raise UsageError(
            f"--patience {recipe.patience}: there is no validation split to watch; "
            "hold images out with --val-fraction 0.1"
        )
    if recipe.warmup_epochs > recipe.epochs:
        raise UsageError(
            f"--warmup-epochs {recipe.warmup_epochs:g}: longer than the run of {recipe.epochs} "
            "epochs; lower it or raise --epochs"
        )
    if recipe.accumulate > recipe.batch_size:
        raise UsageError(
            f"--accumulate {recipe.accumulate}: more parts than the batch has images "
            f"({recipe.batch_size}); raise --batch-size"
        )
    assert recipe.image_size is not None
    if (recipe.crop_padding or 0) >= recipe.image_size:
        raise UsageError(
            f"--crop-padding {recipe.crop_padding}: could leave nothing of an image of "
            f"{recipe.image_size} pixels; lower it"
        )
    if facts.vectors:
        for name in _FOR_IMAGES:
            if settings.given(name):
                value = getattr(recipe, name)
                raise UsageError(
                    f"--{name.replace('_', '-')} {value}: is for images, these are vectors"
                )
    _refuse_mixing(recipe, facts)
    allowed = ("loss", "mae") if facts.vectors else ("accuracy", "top5", "macro_f1", "loss")
    if recipe.monitor not in allowed:
        raise UsageError(f"--monitor {recipe.monitor}: this task has {', '.join(allowed)}")


def _refuse_mixing(recipe: Recipe, facts: DatasetInfo) -> None:
    for name in ("mixup", "cutmix"):
        value = getattr(recipe, name)
        if value and (facts.vectors or facts.classes < 2):
            raise UsageError(f"--{name} {value:g}: mixes classes, and here are none; leave it out")
        if value and recipe.batch_size == 1:
            raise UsageError(
                f"--{name} {value:g}: mixes the images of a batch, which has one; "
                "raise --batch-size"
            )
