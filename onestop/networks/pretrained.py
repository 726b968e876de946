"""Pretrained weights with their preprocessing and class names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

_TIMEOUT = 30.0  # seconds without an answer after which a server counts as unreachable


@dataclass(frozen=True)
class Published:
    """Published weights, the preprocessing they were trained with, and their classes.

    Attributes:
        state: The tensors by name.
        classes: Names of the outputs; empty if they are unknown.
        size: Height and width in pixels.
        crop_fraction: Fraction of the resized shorter side that the centre crop keeps.
        interpolation: Interpolation mode of the resize.
        mean: Mean of each channel, for pixels in [0, 1].
        std: Standard deviation of each channel.
    """

    state: dict[str, Tensor]
    classes: tuple[str, ...]
    size: tuple[int, int]
    crop_fraction: float
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@contextmanager
def patience() -> Iterator[None]:
    """Set a timeout for servers that do not answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
