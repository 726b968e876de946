"""Classifiers of torchvision and timm: looked up by name, with their published weights."""

from __future__ import annotations

from types import ModuleType

from onestop.errors import UsageError
from onestop.networks.catalog import Entry
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
