"""Derived settings: what nobody set follows from the data and the network, each with its reason.

Rules, not measurements: the same data and flags give the same recipe every time. The rules know four
situations (`Situation`); `benchmarks/results/defaults.md` has the experiments behind them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import torch

from onestop.data.augmentation import eighth
from onestop.data.dataset import DatasetInfo
from onestop.data.pixel_values import why_range
from onestop.data.pixels import KEEP_BYTES
from onestop.errors import UsageError
from onestop.images.pixel_range import PixelRange, text_of
from onestop.networks import find
from onestop.networks.catalog import Entry
from onestop.networks.profile import Traits, traits
from onestop.recipe import Precision
from onestop.recipe.markers import is_on
from onestop.recipe.schema import useless
from onestop.recipe.settings import Settings, refuse_inapplicable, refuse_useless
from onestop.runtime.device import (
    choose_device,
    compute_threads,
    computes_in_bf16,
    cores,
    suited_format,
)
from onestop.tasks import TASKS
from onestop.training.contradictions import refuse_budget, refuse_contradictions, refuse_range
from onestop.training.default_network import SMALL, network_rules
from onestop.training.from_probe import probe_rules
from onestop.training.from_probe import rules as from_probe_rules

Known: TypeAlias = Mapping[str, Any]
"""Settings by name, as far as they are known; each group of rules relies on those before it."""
Rules: TypeAlias = dict[str, tuple[object, str]]
"""Values by name of the setting, each with its reason."""

Situation = Literal["fine-tuning", "photographs", "small images", "vectors"]
"""What is trained: pretrained weights; or random weights on photographs, on images of at most `SMALL`
pixels per side, or on vectors."""


def derive(
    settings: Settings, info: DatasetInfo, *, download: bool = True
) -> tuple[Settings, Entry]:
    """Fill in every value that is not known yet, and find the network.

    Args:
        settings: What is known.
        info: The data.
        download: Whether published weights may be downloaded.

    Raises:
        UsageError: Values that contradict each other or the data.
    """
    task = TASKS[info.task]

    def fill(settings: Settings, rules: Callable[[Known], Rules]) -> Settings:
        settings = _fill(settings, task.derived(settings.values, info))
        return _fill(settings, rules(settings.values))

    settings = fill(settings, lambda known: network_rules(known, info, download=download))
    entry = find(settings.values["model"])
    _refuse_other_inputs(entry, info)
    _refuse_other_answers(entry, task.whole)
    refuse_inapplicable(
        settings, info.task, images=not info.vectors, shares=task.takes_shares, whole=task.whole
    )
    settings = fill(settings, lambda known: probe_rules(known, info, entry.image_size))
    settings = fill(settings, lambda known: _input_rules(known, info, entry))
    settings = fill(settings, lambda known: from_probe_rules(known, info))
    settings = fill(settings, _machine_rules)
    settings = fill(settings, lambda known: _engine_rules(known, info, entry))
    settings = fill(settings, lambda known: _cache_rules(known, info))
    settings = fill(settings, lambda known: _length_rules(known, info))
    settings = fill(settings, _freezing_rules)
    settings = fill(settings, lambda _: _OFF)
    settings = fill(settings, _feature_cache_rules)
    settings = fill(settings, lambda known: _learning_rules(known, info))
    refuse_useless(settings)
    refuse_budget(settings)
    refuse_range(settings, info)
    refuse_contradictions(settings.recipe, info)
    return settings, entry


_OFF: Rules = {
    "optimizer": ("sgd", "the usual one"),
    "clip_grad": (0.0, "gradients are seldom too large"),
    "mixup": (0.0, "off unless asked for"),
    "label_smoothing": (0.0, "off unless asked for"),
    "layer_decay": (1.0, "all stages have the same rate"),
}
"""Settings that runs do not need which do not start from a probe."""


def _fill(settings: Settings, rules: Mapping[str, tuple[object, str]]) -> Settings:
    for name, (value, why) in rules.items():
        if name not in settings.values:
            settings = settings.derive(name, value, why)
    return settings


def _refuse_other_answers(entry: Entry, whole: bool) -> None:
    """Refuse a network that tells what images are where objects are wanted, or the other way round."""
    if entry.whole == whole or entry.users:
        return
    if entry.whole:
        name = entry.name if entry.origin in ("torchvision", "timm") else "resnet18"
        raise UsageError(
            f"--model {entry.name}: tells what whole images are, and these data have objects; choose a "
            f"detector, such as rcnn:{name}"
        )
    raise UsageError(
        f"--model {entry.name}: finds objects, and these data have labels of whole images; choose a "
        "classifier, such as resnet18"
    )


def _refuse_other_inputs(entry: Entry, info: DatasetInfo) -> None:
    """Stop if a network for images is to be trained on vectors, or the other way round."""
    if not entry.users and entry.vectors != info.vectors:
        takes, have = ("vectors", "images") if entry.vectors else ("images", "vectors")
        raise UsageError(
            f"--model {entry.name}: takes {takes}, and these are {have}; leave it out, or choose "
            "another (`onestop models` lists them)"
        )


def _input_rules(known: Known, info: DatasetInfo, entry: Entry) -> Rules:
    if info.vectors:
        not_used = "vectors are taken as they are"
        return {
            "channels": (1, not_used),
            "image_size": (1, not_used),
            "fit": ("crop", not_used),
            "pixel_range": ("full", not_used),
            "normalize": ("none", not_used),
            "augment": ("none", not_used),
            "crop_padding": (0, not_used),
        }
    channels: int = entry.channels
    size, takes = entry.image_size, f"what {entry.name} takes"
    if entry.users:  # only its author knows
        channels, takes = info.channels, "as the images are, for a network of your own"
        if (largest := max(info.height, info.width)) <= SMALL:
            size = largest
    size = known.get("image_size", size)
    if known["weights"] != "none" and known.get("channels", channels) == 3:
        normalize = ("weights", "pretrained weights expect the images they were trained on")
    elif known["weights"] != "none":
        normalize = ("dataset", "those of pretrained weights are of three channels")
    else:
        normalize = ("dataset", "mean 0 and deviation 1 suit random weights")
    augment = _augment(size, info)
    return {
        "channels": (channels, takes),
        "image_size": (size, takes),
        "fit": ("crop", "usual where what matters is in the middle"),
        "pixel_range": _pixel_range(info),
        "normalize": normalize,
        "augment": augment,
        "crop_padding": _padding(known.get("augment", augment[0]), size),
    }


def _pixel_range(info: DatasetInfo) -> tuple[str, str]:
    found: PixelRange = info.values.pixel_range() if info.values else "full"
    return text_of(found), why_range(info.values)


def _augment(size: int, info: DatasetInfo) -> tuple[str, str]:
    if size > SMALL:
        return "resized-crop", "photographs are seldom framed alike"
    if info.channels == 3:
        return "flip-crop", "usual for small colour images"
    return "crop", "grey images are often signs: they may be shifted, but not mirrored"


def _padding(augment: str, size: int) -> tuple[int, str]:
    if augment not in ("crop", "flip-crop"):
        return 0, f"--augment {augment} adds nothing around images"
    return eighth(size), f"an eighth of {size} pixels, as is usual"


def _situation(known: Known, *, vectors: bool) -> Situation:
    """Which rules a run follows."""
    if vectors:
        return "vectors"
    if known["weights"] != "none":
        return "fine-tuning"
    return "photographs" if known["image_size"] > SMALL else "small images"


def _length_rules(known: Known, info: DatasetInfo) -> Rules:
    count = info.images
    batch = 128 if count >= 10_000 else 64 if count >= 2_000 else 32 if count >= 500 else 16
    if _situation(known, vectors=info.vectors) == "fine-tuning":
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


def _freezing_rules(known: Known) -> Rules:
    if known["weights"] == "none":
        why = "random weights must be trained from the start"
        return {
            "freeze": ("none", why),
            "unfreeze_after": (0, why),
            "backbone_lr_scale": (1.0, why),
        }
    scale = (0.25, "pretrained weights need only small changes")
    if "freeze" in known:
        why = "what was asked to be frozen stays frozen"
        return {"unfreeze_after": (0, why), "backbone_lr_scale": scale}
    first = "train the new head first: its large early gradients would damage pretrained weights"
    then = "a fifth of the run, then everything is trained"
    return {
        "freeze": ("backbone", first),
        "unfreeze_after": (max(1, known["epochs"] // 5), then),
        "backbone_lr_scale": scale,
    }


def _feature_cache_rules(known: Known) -> Rules:
    augmentations, why = 4, "a few augmentations teach a head as much as many"
    changes = ("augment", "auto_augment", "color_jitter", "erase")
    if obstacle := useless(known).get("cached_augmentations"):
        augmentations, why = 0, f"features cannot be cached with {obstacle}"
    elif not any(is_on(known[name]) for name in changes):
        augmentations, why = 1, "without augmentation an image always looks the same"
    return {"cached_augmentations": (augmentations, why)}


def _learning_rules(known: Known, info: DatasetInfo) -> Rules:
    situation = _situation(known, vectors=info.vectors)
    epochs, optimizer = known["epochs"], known["optimizer"]
    steps = epochs * math.ceil(info.images / known["batch_size"])
    ema, task = round(max(0.0, 1 - 20 / max(steps, 20)), 5), TASKS[info.task]
    decay = {"sgd": 5e-4, "adamw": 0.01}.get(optimizer, 0.0)
    if situation == "fine-tuning" and "val" in info.splits:
        patience = (max(4, epochs // 2), "half of the run without a better epoch")
    else:
        patience = (0, "a learning rate that falls to zero makes the last epochs the best")
    return {
        "lr": _rate(known, situation),
        "ema": (ema, f"over a twentieth of {steps:,} steps"),
        "momentum": (0.9 if optimizer == "sgd" else 0.0, f"usual for {optimizer}"),
        "weight_decay": (decay, f"usual for {optimizer}"),
        "warmup_epochs": _warmup(known["schedule"], epochs),
        "step_epochs": (10, "a tenth every ten epochs"),
        "monitor": (task.metrics[0].name, f"the main metric of {task.name}"),
        "patience": patience,
    }


def usual_rate(known: Known, *, vectors: bool) -> float:
    """The learning rate that follows from the other settings of a run where nobody sets it."""
    return _rate(known, _situation(known, vectors=vectors))[0]


def _rate(known: Known, situation: Situation) -> tuple[float, str]:
    if known["optimizer"] != "sgd":
        return 1e-3, f"usual for {known['optimizer']}"
    if situation == "fine-tuning":
        return 0.004, "small steps for a new head on pretrained weights"
    rate = min(0.1, 0.05 * math.sqrt(known["batch_size"] / 128))
    return round(rate, 4), "0.05 for a batch of 128, growing with its root, at most 0.1"


def _warmup(schedule: str, epochs: int) -> tuple[float, str]:
    if schedule == "one-cycle":
        return round(0.3 * epochs, 2), "one-cycle rises over three tenths of the run"
    if schedule == "cosine":
        return round(min(1.0, 0.05 * epochs), 2), "a twentieth of the run, at most one epoch"
    return 0.0, f"a {schedule} schedule starts at its peak"


def _machine_rules(known: Known) -> Rules:
    return {
        "device": (str(choose_device(known.get("device"))), "the fastest in this machine"),
        "workers": (cores(), "one thread per CPU core"),
        "threads": compute_threads(),
    }


def _engine_rules(known: Known, info: DatasetInfo, entry: Entry) -> Rules:
    """Rules over network and hardware, not timing, so that runs can be repeated."""
    if "precision" in known and "memory_format" in known:
        return {}
    properties = traits(entry, info.classes, known["channels"], known["image_size"])
    if properties is None:
        memory_format = ("contiguous", "torch's own")
    else:
        memory_format = suited_format(convolutions=properties.convolutions)
    return {
        "precision": _precision(choose_device(known["device"]), properties),
        "memory_format": memory_format,
    }


def _precision(device: torch.device, properties: Traits | None) -> tuple[Precision, str]:
    if not computes_in_bf16(device):
        return "fp32", f"this {device.type} has no fast 16 bits"
    if device.type == "cuda":
        return "bf16", "this GPU computes in bf16 natively"
    if properties is None:
        return "fp32", "exact; bf16 may be faster, but your own network was not measured"
    return properties.precision()


def _cache_rules(known: Known, info: DatasetInfo) -> Rules:
    if info.vectors:
        return {"cache": ("memory", "vectors are taken as they are")}
    if known["augment"] == "resized-crop":
        return {"cache": ("none", "crops are taken from whole images; cached ones are smaller")}
    size = info.images * known["channels"] * known["image_size"] ** 2
    if size > KEEP_BYTES:
        return {"cache": ("none", f"{size / 2**30:.1f} GiB of images are more than 2 GiB")}
    return {"cache": ("memory", f"{size / 2**20:,.1f} MiB of images are no more than 2 GiB")}
