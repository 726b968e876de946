"""What of a network decides how it is best computed, found by running it on shapes alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from onestop.networks.catalog import Entry
from onestop.networks.meta import look
from onestop.networks.trace import run
from onestop.recipe import MemoryFormat, Precision

_HEAVY = 10_000_000  # multiply-adds an image from which convolutions take most of a step's time


@dataclass(frozen=True)
class Traits:
    """What rules about speed are made of.

    Attributes:
        multiply_adds: Of convolutions and linear layers, for one image.
        convolutions: Whether it has any.
        depthwise: Whether it has convolutions that see each channel alone (MobileNets and the like).
    """

    multiply_adds: int
    convolutions: bool
    depthwise: bool

    def precision(self) -> tuple[Precision, str]:
        """The precision to train in on a processor that multiplies in bf16, and why."""
        if self.multiply_adds < _HEAVY:
            return "fp32", "a network this small gains nothing from 16 bits"
        if self.depthwise:
            return "fp32", "depthwise convolutions are slow in 16 bits on a CPU"
        return "bf16", "this processor multiplies in bf16 twice as fast"


def suited_format(*, convolutions: bool) -> tuple[MemoryFormat, str]:
    """The order of numbers in memory for a network with or without convolutions, and why."""
    if not convolutions:
        return "contiguous", "there are no convolutions"
    return "channels-last", "convolutions are faster so"


def traits_of(network: nn.Module, shape: tuple[int, ...]) -> Traits:
    """The traits of a network.

    Raises:
        UsageError: It does not take inputs of that shape, (C, H, W) or (F,).
    """
    trace, _ = run(network, shape)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    return Traits(
        multiply_adds=sum(trace.work.values()),
        convolutions=bool(convolutions),
        depthwise=any(1 < conv.groups == conv.in_channels for conv in convolutions),
    )


def traits(entry: Entry, classes: int, channels: int, image_size: int) -> Traits | None:
    """The traits of a network by its name; None of a user's own, whose code is not run for this.

    What the catalogue says is taken, since to look would double the time in which a run starts.
    """
    if entry.multiply_adds and entry.image_size:
        work = round(entry.multiply_adds * (image_size / entry.image_size) ** 2)
        return Traits(work, not entry.vectors, entry.depthwise)
    shape = (channels,) if entry.vectors else (channels, image_size, image_size)
    found = look(entry, (classes, channels, image_size), lambda network: traits_of(network, shape))
    return found and found[1]
