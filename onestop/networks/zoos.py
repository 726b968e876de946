"""Classifiers of torchvision and timm, and detectors, looked up by name."""

from __future__ import annotations

from onestop.errors import UsageError
from onestop.networks.catalog import OWN, Entry
from onestop.networks.detectors.facts import RCNN_SIZE, RCNN_SMALLEST, plain
from onestop.networks.detectors.rcnn_name import is_rcnn, parsed
from onestop.networks.detectors.table import TABLE


def find_in_zoos(name: str) -> Entry | None:
    """The entry of `timm:NAME`, or of a torchvision name, plain or as `torchvision:NAME`; else None.

    Raises:
        UsageError: timm has no such network, or is not installed.
    """
    if name.lower().startswith("timm:"):
        from onestop.networks import timm_zoo

        return timm_zoo.entry(name[len("timm:") :])
    from onestop.networks import torchvision_zoo

    plain = name.lower().replace("-", "_").removeprefix("torchvision:")
    return torchvision_zoo.entry(plain) if plain in torchvision_zoo.names() else None


def detector_entry(name: str) -> Entry:
    """The entry of a detector.

    Args:
        name: One of `NAMES`, or `rcnn:BACKBONE`, where BACKBONE is a classifier of ours or of
            torchvision, or `timm:NAME`; `rcnn256:BACKBONE` is one with 256 channels instead of 128.

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
        weights=trunk.weights,
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
    found = OWN.get(backbone.lower().replace("-", "_")) or find_in_zoos(backbone)
    if found is None or found.vectors or found.channels != 3:
        raise UsageError(
            f"--model {name:.200}: {backbone:.200} cannot be its backbone; name a classifier of "
            "colour images, such as rcnn:resnet18 or rcnn:tf_efficientnet_lite0"
        )
    return found
