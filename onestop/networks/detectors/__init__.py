"""Detectors: networks that find objects, with boxes, and perhaps masks and key points.

torchvision's by their names, and `rcnn:BACKBONE`, a small Faster R-CNN over any backbone. All of them
are called alike: in training with normalised inputs [B, C, h, w] and a list of B targets, for a
dictionary of losses; in evaluation with inputs alone, for B dictionaries of `boxes` (x1, y1, x2, y2
in pixels of the input), `scores` and `labels`, best first, and perhaps `masks` and `keypoints`. Classes
are numbered from 0; the background that torchvision counts as 0 never shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from onestop.errors import ArchitectureError, UsageError
from onestop.metrics.matches import Kind
from onestop.networks.catalog import Entry
from onestop.networks.detectors.rcnn_name import is_rcnn, parsed
from onestop.networks.detectors.table import TABLE
from onestop.networks.pretrained import Published

if TYPE_CHECKING:
    from onestop.networks.detectors.detector import Detector

NAMES = tuple(TABLE)
"""torchvision's detectors."""
PARTS: tuple[Kind, ...] = ("boxes", "masks", "keypoints")


def is_detector(name: str) -> bool:
    """Whether a name is that of a detector, known or not."""
    return name.removeprefix("torchvision:") in TABLE or is_rcnn(name)


def entry(name: str) -> Entry:
    """The entry of a detector.

    Args:
        name: One of `NAMES`, or `rcnn:BACKBONE`, where BACKBONE is a torchvision classifier or
            `timm:NAME`; `rcnn256:BACKBONE` is one with 256 channels instead of 128.

    Raises:
        UsageError: There is no such backbone.
    """
    if not is_rcnn(name):
        return TABLE[name.removeprefix("torchvision:").lower()].entry
    from onestop.networks import find

    width, backbone = parsed(name)
    trunk = find(backbone)
    if trunk.origin not in ("torchvision", "timm") or not trunk.whole:
        raise UsageError(
            f"--model {name}: {backbone} cannot be its backbone; name a classifier of torchvision or "
            "timm, such as rcnn:mobilenet_v3_small or rcnn:timm:tf_efficientnet_lite0"
        )
    label = "rcnn" if width is None else f"rcnn{width}"
    return Entry(
        name=f"{label}:{trunk.name}",
        where="onestop.networks.detectors",
        channels=3,
        image_size=320,
        min_size=64,
        summary=f"a small Faster R-CNN over {trunk.name}",
        paper="Ren et al. 2015, https://arxiv.org/abs/1506.01497",
        weights=True,
        origin=trunk.origin,
        depthwise=trunk.depthwise,
        whole=False,
    )


def parts_of(entry: Entry, has: Mapping[str, bool]) -> tuple[Kind, ...]:
    """What a detector learns from data that have some of `PARTS`.

    Raises:
        UsageError: It learns something that the data do not have.
    """
    if is_rcnn(entry.name):
        return tuple(part for part in PARTS if part == "boxes" or has.get(part))
    parts = TABLE[entry.name].parts
    if missing := [part for part in parts if part != "boxes" and not has.get(part)]:
        words = {"masks": "masks", "keypoints": "key points"}[missing[0]]
        raise UsageError(
            f"--model {entry.name}: learns {words}, which these data do not have; choose another, "
            "such as fasterrcnn_resnet50_fpn or rcnn:mobilenet_v3_small"
        )
    return parts


def is_new(entry: Entry) -> bool:
    """Whether a detector has no published weights of its own, only those of its backbone."""
    return is_rcnn(entry.name)


def stretches(entry: Entry) -> bool:
    """Whether a detector was trained on images without regard to their shape."""
    return entry.name in TABLE and TABLE[entry.name].divisor == 1


def frozen_stages(entry: Entry) -> str:
    """What is not trained by default, in terms of `--freeze`, of a pretrained detector or backbone."""
    return "2" if is_rcnn(entry.name) or TABLE[entry.name].divisor > 1 else "none"


def losses_of(entry: Entry, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts of a detector's loss, by name."""
    row = TABLE.get(entry.name)
    if row is not None and not row.strides:
        centre = ("loss_centre",) if entry.name.startswith("fcos") else ()
        return ("loss_class", "loss_box", *centre)
    masks = ("loss_mask",) if "masks" in parts else ()
    points = ("loss_points",) if "keypoints" in parts else ()
    return ("loss_class", "loss_box", *masks, *points, "loss_object", "loss_region")


def build(
    entry: Entry, classes: int, channels: int | None, image_size: int | None,
    needs: Mapping[str, Any],
) -> Detector:  # fmt: skip
    """Build a detector with random weights, drawn from torch's generator.

    Args:
        entry: Of the network.
        classes: How many there are, without background.
        channels: Of the input.
        image_size: Height and width of the input.
        needs: `parts`, some of `PARTS` (default: boxes, and what the network is for); `points`, the
            number of key points; `anchors` (see `onestop.networks.detectors.anchors`).

    Raises:
        UsageError: `classes` is less than 1, or the backbone is not there.
        ArchitectureError: It does not accept such images, or cannot be built.
    """
    channels, size = channels or entry.channels, image_size or entry.image_size
    if classes < 1:
        raise UsageError(f"{entry.name}: needs at least one class (got {classes})")
    if size < entry.min_size:
        raise ArchitectureError(
            f"{entry.name}: images of {size} pixels are too small; it needs {entry.min_size} or more"
        )
    if is_rcnn(entry.name):
        from onestop.networks.detectors import rcnn

        width, backbone = parsed(entry.name)
        network: nn.Module = rcnn.build(backbone, width, classes, channels, size, needs)
    else:
        from onestop.networks.detectors import zoo

        network = zoo.build(entry.name, classes, channels, size, needs)
    from onestop.networks.detectors.detector import as_detector

    return as_detector(network, TABLE[entry.name].divisor if entry.name in TABLE else 32)


def published_weights(entry: Entry, which: str = "default", *, download: bool = True) -> Published:
    """Published weights of a detector; of `rcnn:BACKBONE`, those of its backbone.

    Raises:
        UsageError: There are none of that name, or they could not be downloaded.
    """
    if is_rcnn(entry.name):
        from onestop.networks import find
        from onestop.networks import published_weights as published_of

        return _for_objects(published_of(find(parsed(entry.name)[1]), which, download=download))
    from onestop.networks.detectors import zoo

    return zoo.published_weights(entry.name, which, download=download)


def usual_inputs(entry: Entry) -> Published | None:
    """How images are prepared for a detector's weights, or for those of its backbone."""
    if is_rcnn(entry.name):
        from onestop.networks import find
        from onestop.networks import usual_inputs as usual_of

        usual = usual_of(find(parsed(entry.name)[1]))
        return _for_objects(usual) if usual else None
    from onestop.networks.detectors import zoo

    return zoo.usual_inputs(entry.name)


def _for_objects(published: Published) -> Published:
    """Weights of a classifier for images that are seen whole."""
    return dataclasses.replace(published, crop_fraction=1.0, fit="pad")
