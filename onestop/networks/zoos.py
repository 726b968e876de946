"""Classifiers of torchvision and timm, with their weights, and detectors, looked up by name."""

from __future__ import annotations

from types import ModuleType

from onestop.errors import UsageError
from onestop.networks.catalog import Entry
from onestop.networks.detectors.facts import RCNN_SIZE, RCNN_SMALLEST, plain
from onestop.networks.detectors.rcnn_name import is_rcnn, parsed
from onestop.networks.detectors.table import TABLE
from onestop.networks.pretrained import Published


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


def published_weights(entry: Entry, which: str = "default", *, download: bool = True) -> Published:
    """The published weights of a classifier; see `onestop.networks.published_weights`.

    Raises:
        UsageError: There are no weights of that name, or they could not be downloaded.
    """
    zoo = _zoo_of(entry)
    if zoo is None:
        raise UsageError(
            f"--weights {which}: no such file, and there are no published weights for {entry.name}; "
            "name a file, or omit it to train from random weights"
        )
    published: Published = zoo.published_weights(entry.name, which, download=download)
    return published


def usual_inputs(entry: Entry) -> Published | None:
    """How images are prepared for a classifier's usual weights; None if it is in no zoo."""
    zoo = _zoo_of(entry)
    return None if zoo is None else zoo.usual_inputs(entry.name)


def _zoo_of(entry: Entry) -> ModuleType | None:
    if entry.origin == "torchvision":
        from onestop.networks import torchvision_zoo

        return torchvision_zoo
    if entry.origin == "timm":
        from onestop.networks import timm_zoo

        return timm_zoo
    return None


def detector_entry(name: str) -> Entry:
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
    found = find_in_zoos(backbone)
    if found is None:
        raise UsageError(
            f"--model {name:.200}: {backbone:.200} cannot be its backbone; name a classifier of "
            "torchvision or timm, such as rcnn:resnet18 or rcnn:timm:tf_efficientnet_lite0"
        )
    return found
