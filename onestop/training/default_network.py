"""The default network and its weights: by device, number of images, and the catalogue.

Vectors and small images have networks of their own, trained from random weights. Photographs start from
published ones: the most accurate network that the device can run over the training images in about half
a minute. `docs/defaults.md` states the rules for users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from onestop.data.dataset import DatasetInfo
from onestop.networks import find, release, whole_entries
from onestop.networks.catalog import Entry
from onestop.networks.pretrained import Release
from onestop.runtime.device import choose_device
from onestop.weights import at_hand, fetch, way_out
from onestop.weights.downloads import DownloadError

SMALL = 64
"""Images of which the median longer side has more pixels are photographs; others are small."""
CANDIDATES = (
    "tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2", "resnet50",
    "convnext_tiny",
)  # fmt: skip
"""The networks among which the rule chooses: few and well known."""
BUDGET = {"cpu": 250e9, "mps": 20e12}
"""Multiply-adds of one pass over the training images, by kind of device: about half a minute."""
USUAL = 600.0
"""Seconds of a time budget with which as much can be afforded as without one."""
_GPU = 1e15  # of other devices
MOST_ON_CPU = 1e9
"""Multiply-adds of one image on a CPU, where the model will be used too."""
_CLOSE = 5.0
"""Points of accuracy on ImageNet that are not worth a download."""
_FROM_RANDOM = "resnet18"
LACKING = "pretrained weights could not be had"
"""How the reason begins if photographs are trained from random weights against the rule."""

_Rules = dict[str, tuple[object, str]]


@dataclass(frozen=True)
class _Choice:
    """A network, and why it was chosen."""

    entry: Entry
    why: str


def network_rules(known: Mapping[str, Any], info: DatasetInfo, *, download: bool = True) -> _Rules:
    """The network and its initial weights, as far as they are not set.

    Weights are downloaded if the rule needs it, since otherwise it is not known what to train.

    Args:
        known: Settings by name.
        info: The data.
        download: Whether weights may be downloaded.
    """
    if info.vectors:
        return {
            "model": ("linear", "the first to try on vectors"),
            "weights": ("none", "vectors have no published weights"),
        }
    if not _is_photographs(known, info):
        return _for_small_images(info)
    if "weights" in known:
        return _with_given_weights(known, info)
    if "model" in known:
        return _weights_of(find(known["model"]), download=download)
    return _for_photographs(known, info, download=download)


def _is_photographs(known: Mapping[str, Any], info: DatasetInfo) -> bool:
    return max(info.height, info.width) > SMALL and known.get("image_size", SMALL + 1) > SMALL


def _for_small_images(info: DatasetInfo) -> _Rules:
    why = "published weights are for photographs, of more than 64 pixels per side"
    weights: _Rules = {"weights": ("none", why)}
    if max(info.height, info.width) > SMALL:
        return {"model": (_FROM_RANDOM, "the usual first network for photographs"), **weights}
    if info.channels == 1:
        return {"model": ("lenet5", "small and good enough for small grey images"), **weights}
    return {"model": ("resnet9", "learns small colour images well in little time"), **weights}


def _with_given_weights(known: Mapping[str, Any], info: DatasetInfo) -> _Rules:
    if known["weights"] == "default" and "model" not in known:
        best = _affordable(known, info)[0]
        return {"model": (best.entry.name, best.why)}
    rules: _Rules = {"model": (_FROM_RANDOM, "the usual first network for photographs")}
    if known["weights"] == "none" and "model" not in known:
        rules["image_size"] = _smaller()
    return rules


def _smaller() -> tuple[int, str]:
    return 128, "three times as fast as the usual 224; from random weights many passes count more"


def _weights_of(entry: Entry, *, download: bool) -> _Rules:
    """The weights of a network that the user has named."""
    if not entry.weights:
        return {"weights": ("none", f"no published weights of {entry.name} are known")}
    found = release(entry)
    if (file := at_hand(found)) is None:
        try:
            fetch(found, allowed=download)
        except DownloadError as error:
            return {"weights": ("none", _lacking(found, error))}
    where = "on this machine" if file else "downloaded"
    return {"weights": (found.tag, f"photographs are learnt sooner and better from them; {where}")}


def _for_photographs(known: Mapping[str, Any], info: DatasetInfo, *, download: bool) -> _Rules:
    affordable = _affordable(known, info)
    best = affordable[0]
    for choice in affordable:
        if choice.entry.accuracy >= best.entry.accuracy - _CLOSE and at_hand(release(choice.entry)):
            return _chosen(choice, "on this machine")
    found = release(best.entry)
    try:
        fetch(found, allowed=download)
    except DownloadError as error:
        if (other := _any_at_hand(affordable)) is not None:
            return _chosen(other, "on this machine")
        return {
            "model": (_FROM_RANDOM, "the usual first network for photographs"),
            "weights": ("none", _lacking(found, error)),
            "image_size": _smaller(),
        }
    return _chosen(best, "downloaded")


def _chosen(choice: _Choice, where: str) -> _Rules:
    tag = release(choice.entry).tag
    why = f"photographs are learnt sooner and better from them; {where}"
    return {"model": (choice.entry.name, choice.why), "weights": (tag, why)}


def _affordable(known: Mapping[str, Any], info: DatasetInfo) -> list[_Choice]:
    """The candidates within the budget, the most accurate first; the cheapest if there are none."""
    device = choose_device(known.get("device")).type
    limit = BUDGET.get(device, _GPU) / info.images
    if budget := known.get("time_budget"):
        limit *= budget / USUAL
    limit = min(limit, MOST_ON_CPU) if device == "cpu" else limit
    candidates = [find(name) for name in _names(limit)]
    within = [entry for entry in candidates if entry.multiply_adds <= limit]
    within = within or [min(candidates, key=lambda entry: entry.multiply_adds)]
    on = f"for {info.images:,} images on {_DEVICES.get(device, device)}"
    ordered = sorted(within, key=lambda entry: -entry.accuracy)
    return [
        _Choice(
            entry,
            f"{entry.accuracy:.1f} % on ImageNet with {entry.multiply_adds / 1e9:.2g} G multiply-adds, "
            f"{on}",
        )
        for entry in ordered
    ]


_DEVICES = {"cpu": "the CPU", "cuda": "a GPU", "mps": "Apple's GPU"}


def _names(limit: float) -> Iterator[str]:
    """The candidates; torchvision's only where they can be afforded, since importing it takes time."""
    for name in CANDIDATES:
        if name.startswith("tf_") or limit > 4e9:
            yield name


def _any_at_hand(affordable: list[_Choice]) -> _Choice | None:
    """What is on this machine, though not what the rule would choose: the best, or the cheapest."""
    for choice in affordable:
        if at_hand(release(choice.entry)):
            return choice
    here = [entry for entry in whole_entries() if entry.weights and at_hand(release(entry))]
    if not here:
        return None
    cheapest = min(here, key=lambda entry: entry.multiply_adds)
    return _Choice(cheapest, "the least costly network whose weights are on this machine")


def _lacking(found: Release, error: DownloadError) -> str:
    return f"{LACKING} ({found.network}: {error}); {way_out(found)}"
