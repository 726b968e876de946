"""Properties of a network that determine precision and memory format, measured on the meta device."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from onestop.networks import build
from onestop.networks.catalog import Entry
from onestop.networks.meta import build_on_meta
from onestop.networks.trace import run
from onestop.recipe import Precision

_HEAVY = 10_000_000  # multiply-adds per image above which convolutions dominate the time of a step


@dataclass(frozen=True)
class Traits:
    """Properties on which speed rules depend.

    Attributes:
        multiply_adds: Those of convolutions and linear layers, for one image.
        convolutions: Whether there are any convolutions.
        depthwise: Whether there are depthwise convolutions, as in MobileNets.
    """

    multiply_adds: int
    convolutions: bool
    depthwise: bool

    def precision(self) -> tuple[Precision, str]:
        """The precision to train in on a CPU with native bf16, and the reason."""
        if self.multiply_adds < _HEAVY:
            return "fp32", "a network this small gains nothing from 16 bits"
        if self.depthwise:
            return "fp32", "depthwise convolutions are slow in 16 bits on a CPU"
        return "bf16", "this CPU multiplies in bf16 twice as fast"


def traits_of(network: nn.Module, shape: tuple[int, ...]) -> Traits:
    """The traits of a network.

    Raises:
        ArchitectureError: It does not accept inputs of that shape, (C, H, W) or (F,).
    """
    trace, _ = run(network, shape)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    return Traits(
        multiply_adds=sum(trace.work.values()),
        convolutions=bool(convolutions),
        depthwise=any(1 < conv.groups == conv.in_channels for conv in convolutions),
    )


def traits(entry: Entry, classes: int, channels: int, image_size: int) -> Traits | None:
    """The traits of a network by name; None for a custom network, whose code is not run for this.

    Taken from the catalogue if possible: building the network would double the startup time of a run.
    """
    if entry.multiply_adds and entry.image_size:
        work = round(entry.multiply_adds * (image_size / entry.image_size) ** 2)
        return Traits(work, not entry.vectors, entry.depthwise)
    shape = (channels,) if entry.vectors else (channels, image_size, image_size)
    if entry.users:
        return None
    built = build_on_meta(
        lambda: build(entry.name, classes, channels, image_size),
        lambda network: traits_of(network, shape),
    )
    return built and built[1]
