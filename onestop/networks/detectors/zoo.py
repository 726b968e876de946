"""torchvision's detectors by name, with their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from onestop.errors import ArchitectureError
from onestop.networks.detectors.heads import coco_names
from onestop.networks.detectors.parts import anchor_generator, replace_first
from onestop.networks.detectors.table import PERSON_POINTS, PERSON_SIGMAS, TABLE
from onestop.networks.pretrained import Inputs, Release
from onestop.networks.torchvision_zoo import weights_named
from onestop.runtime.lazy_torchvision import without_compiler

with without_compiler():
    from torchvision import models

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_NORMALISATION = {
    "ssd300_vgg16": ((0.48235, 0.45882, 0.40784), (1 / 255,) * 3),
    "ssdlite320_mobilenet_v3_large": ((0.5,) * 3, (0.5,) * 3),
}
"""Mean and deviation that weights expect, where they are not ImageNet's."""
_PERSON = ("person",)


def build(name: str, classes: int, channels: int, size: int, needs: Mapping[str, Any]) -> nn.Module:
    """A detector of torchvision with random weights; arguments as in `onestop.networks.detectors`.

    Raises:
        ArchitectureError: It takes images of another size only.
    """
    row = TABLE[name]
    if row.fixed and size != row.entry.image_size:
        raise ArchitectureError(
            f"{name}: takes images of {row.entry.image_size} pixels only, not {size}; "
            f"set --image-size {row.entry.image_size}"
        )
    options: dict[str, Any] = {}
    if "keypoints" in row.parts and needs.get("points"):
        options["num_keypoints"] = needs["points"]
    if row.strides:
        if needs.get("regions"):
            options["box_batch_size_per_image"] = needs["regions"]
        if needs.get("anchors"):
            options["rpn_anchor_generator"] = anchor_generator(needs["anchors"], row.strides)
    network: nn.Module = models.get_model(
        name, weights=None, weights_backbone=None, num_classes=classes + 1, **options
    )
    network.legacy_eps = row.legacy_eps  # type: ignore[assignment]
    if channels != 3:
        replace_first(network, channels)
    return network


def release(name: str, which: str = "default") -> Release:
    """A published set of weights of a detector.

    torchvision resizes within bounds; here images have one size, so that most objects are about as
    large as they were.

    Raises:
        UsageError: There are none of that name.
    """
    weights, row = weights_named(name, which), TABLE[name]
    mean, std = _NORMALISATION.get(name, _IMAGENET)
    options: dict[str, Any] = {"parts": list(row.parts)}
    if "keypoints" in row.parts:
        options |= {"points": list(PERSON_POINTS), "sigmas": list(PERSON_SIGMAS)}
    inputs = Inputs(
        (row.entry.image_size,) * 2, 1.0, "bilinear", mean, std,
        "stretch" if row.divisor == 1 else "pad", "detection", options,
    )  # fmt: skip
    names = _PERSON if "keypoints" in row.parts else coco_names()
    classes = tuple(name for name in names if name != "N/A")
    return Release(name, weights.name, weights.url, inputs, lambda: classes)
