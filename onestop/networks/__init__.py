"""Networks: `find` looks one up by name, `build` builds it with random weights."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from torch import nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks import custom as custom_networks
from onestop.networks.catalog import OWN, Entry
from onestop.networks.detectors import facts
from onestop.networks.detectors.rcnn_name import is_rcnn, parsed
from onestop.networks.detectors.table import TABLE
from onestop.networks.pretrained import Release
from onestop.networks.releases import RELEASES
from onestop.networks.surgery import replace_channels
from onestop.networks.trimmed_conv import without_idle_taps
from onestop.text import did_you_mean, listing


def find(name: str) -> Entry:
    """Look up a network by name.

    Args:
        name: A built-in network; a torchvision name, plain or as `torchvision:NAME`; `timm:NAME`; or
            `path/to/file.py:Class` for a custom network. Known names are case-insensitive.

    Raises:
        UsageError: There is no such network, file or class.
    """
    if not isinstance(name, str):
        raise UsageError(f"network of type {type(name).__name__}: give its name")
    if custom_networks.is_users(name):
        return custom_networks.entry(name)
    plain = name.lower().replace("-", "_")
    if plain in OWN:
        return OWN[plain]
    if facts.is_detector(name):
        return detector_entry(name)
    if plain.startswith("timm:"):
        from onestop.networks import timm_zoo

        return timm_zoo.entry(name[len("timm:") :])
    from onestop.networks import torchvision_zoo

    plain = plain.removeprefix("torchvision:")
    if plain in torchvision_zoo.names():
        return torchvision_zoo.entry(plain)
    if purpose := other_purpose(name):
        raise UsageError(f"--model {name}: {purpose}")
    raise UsageError(
        f"--model {name:.200}: no such network{similar(name)} (`onestop models` lists them)"
    )


def detector_entry(name: str) -> Entry:
    """The entry of a detector.

    Args:
        name: One of `NAMES`, or `rcnn:BACKBONE`, where BACKBONE is a classifier of ours or of
            torchvision, or `timm:NAME`; `rcnn256:BACKBONE` is one with 256 channels instead of 128.

    Raises:
        UsageError: There is no such backbone.
    """
    if not is_rcnn(name):
        return TABLE[facts.plain(name)].entry
    width, trunk = parsed(name)[0], trunk_entry(name)
    label = "rcnn" if width is None else f"rcnn{width}"
    return Entry(
        name=f"{label}:{trunk.name}",
        where="onestop.networks.detectors",
        channels=3,
        image_size=facts.RCNN_SIZE,
        min_size=facts.RCNN_SMALLEST,
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
    try:
        found = find(backbone)
    except UsageError:
        found = None
    if found is None or not found.whole or found.users or found.vectors or found.channels != 3:
        raise UsageError(
            f"--model {name:.200}: {backbone:.200} cannot be its backbone; name a classifier of "
            "colour images, such as rcnn:resnet18 or rcnn:tf_efficientnet_lite0"
        )
    return found


def similar(name: str) -> str:
    """Names of networks that a misspelled one may mean, in words; empty if there are none."""
    from onestop.networks import torchvision_zoo

    return did_you_mean(name, [*OWN, *torchvision_zoo.names(), *facts.NAMES])


def other_purpose(name: str) -> str:
    """What a torchvision network is for that does not classify images, in words; empty for others."""
    from onestop.networks import torchvision_zoo

    purpose = torchvision_zoo.purpose(name.lower().removeprefix("torchvision:"))
    return f"is for {purpose}, not for classes of images; `onestop models` lists those" * bool(
        purpose
    )


def build(
    name: str,
    classes: int,
    channels: int | None = None,
    image_size: int | None = None,
    custom: Any = None,
    needs: Any = None,
) -> nn.Module:
    """Build a network with random weights, drawn from torch's generator.

    Args:
        name: See `find`.
        classes: The number of outputs: classes, or 1 for regression.
        channels: Input channels (or features of a vector); by default the network's usual number.
        image_size: Height and width of the input; by default the network's usual size.
        custom: A custom network passed in Python, or a class that makes one (see
            `onestop.networks.custom`).
        needs: What else networks take whose predictions are not about whole images; see
            `onestop.networks.detectors`.

    Raises:
        UsageError: There is no such network, or `classes` is less than 1.
        ArchitectureError: It does not accept such images, or cannot be built.
    """
    entry = find(name)
    if not entry.whole:
        detector: nn.Module = _detectors(entry).build(
            entry, classes, channels, image_size, needs or {}
        )
        return detector
    channels = channels or entry.channels
    size = image_size or entry.image_size
    if classes < 1:
        raise UsageError(f"{entry.name}: needs at least one class (got {classes})")
    if size < entry.min_size:
        raise ArchitectureError(
            f"{entry.name}: images of {size} pixels are too small; it needs {entry.min_size} or more"
        )
    if entry.users:
        return custom_networks.build(entry, custom, classes, channels, size)
    if entry.origin == "torchvision":
        from onestop.networks import torchvision_zoo

        network = torchvision_zoo.build(entry.name, classes, size)
        if channels != entry.channels:
            replace_channels(network, channels, (entry.channels, size, size))
    elif entry.origin == "timm":
        from onestop.networks import timm_zoo

        network = timm_zoo.build(entry.name, classes, channels, size)
    else:
        network = make(entry, classes, channels, size)
    return without_idle_taps(network)


def _detectors(entry: Entry) -> Any:
    """The module that builds a network whose predictions are not about whole images."""
    return importlib.import_module(entry.where)


def make(entry: Entry, classes: int, channels: int, image_size: int) -> nn.Module:
    """Call the builder of a built-in network; `build` has checked the arguments."""
    module, _, name = entry.where.partition(":")
    builder = getattr(importlib.import_module(module), name)
    size = {"image_size": image_size} if entry.size else {}
    network = builder(classes, channels, **size, **entry.options)
    assert isinstance(network, nn.Module)
    return network


def entries() -> Iterator[Entry]:
    """All networks by name: those for whole images, then torchvision's detectors."""
    yield from whole_entries()
    yield from map(detector_entry, facts.NAMES)


def whole_entries() -> Iterator[Entry]:
    """The networks for whole images: the built-in ones, then torchvision's classifiers."""
    from onestop.networks import torchvision_zoo

    yield from OWN.values()
    yield from map(torchvision_zoo.entry, torchvision_zoo.names())


def release(entry: Entry, which: str = "default") -> Release:
    """A published set of weights of a network: where it is and what goes with it.

    Args:
        entry: The network.
        which: `default`, or the name of a set, such as torchvision's `IMAGENET1K_V1` or a timm tag.

    Raises:
        UsageError: There are no weights of that name.
    """
    if not entry.whole:
        found: Release = _detectors(entry).release(
            entry, which, lambda: release(trunk_entry(entry.name), which)
        )
        return found
    if entry.origin == "torchvision":
        from onestop.networks import torchvision_zoo

        return torchvision_zoo.release(entry.name, which)
    if entry.origin == "timm":
        from onestop.networks import timm_zoo

        return timm_zoo.release(entry.name, which)
    sets = RELEASES.get(entry.name, ())
    if not sets:
        raise UsageError(
            f"--weights {which}: no such file, and there are no published weights for "
            f"{entry.name}; name a file, or omit it to train from random weights"
        )
    for one in sets:
        if which in ("default", one.tag):
            return one
    raise UsageError(
        f"--weights {which}: no such file, and there are no such weights for {entry.name}; it has "
        f"{listing(one.tag for one in sets)}"
    )


def count_parameters(network: nn.Module) -> int:
    """The number of trainable and frozen parameters, without buffers."""
    return sum(parameter.numel() for parameter in network.parameters())
