"""Entries of detectors: torchvision's by name, and `rcnn:BACKBONE` over any classifier of a zoo."""

from __future__ import annotations

from onestop.errors import UsageError
from onestop.networks import zoos
from onestop.networks.catalog import Entry
from onestop.networks.detectors.facts import RCNN_SIZE, RCNN_SMALLEST, plain
from onestop.networks.detectors.rcnn_name import is_rcnn, parsed
from onestop.networks.detectors.table import TABLE


def entry(name: str) -> Entry:
    """The entry of a detector.

    Args:
        name: One of `NAMES`, or `rcnn:BACKBONE`, where BACKBONE is a torchvision classifier or
            `timm:NAME`; `rcnn256:BACKBONE` is one with 256 channels instead of 128.

    Raises:
        UsageError: There is no such backbone.
    """
    if not is_rcnn(name):
        return TABLE[plain(name)].entry
    width, trunk = parsed(name)[0], trunk_entry(name)
    label = "rcnn" if width is None else f"rcnn{width}"
    return Entry(
        name=f"{label}:{trunk.name}",
        where="onestop.networks.detectors",
        channels=3,
        image_size=RCNN_SIZE,
        min_size=RCNN_SMALLEST,
        summary=f"a small Faster R-CNN over {trunk.name}",
        paper="Ren et al. 2015, https://arxiv.org/abs/1506.01497",
        weights=True,
        origin=trunk.origin,
        depthwise=trunk.depthwise,
        whole=False,
    )


def trunk_entry(name: str) -> Entry:
    """The classifier that is the backbone of a detector `rcnn:BACKBONE`.

    Raises:
        UsageError: There is no such classifier.
    """
    backbone = parsed(name)[1]
    found = zoos.find_in_zoos(backbone)
    if found is None:
        raise UsageError(
            f"--model {name:.200}: {backbone:.200} cannot be its backbone; name a classifier of "
            "torchvision or timm, such as rcnn:resnet18 or rcnn:timm:tf_efficientnet_lite0"
        )
    return found
