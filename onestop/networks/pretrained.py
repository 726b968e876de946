"""Weights that somebody published, and what must be known to use them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

_TIMEOUT = 30.0  # seconds without an answer after which a server counts as out of reach


@dataclass(frozen=True)
class Published:
    """Weights, how the images they were trained on were prepared, and the classes they know.

    Attributes:
        state: The tensors by name.
        classes: Names of the outputs; empty where they are not known.
        size: Height and width in pixels.
        crop_fraction: Part of the scaled shorter side that the middle cut keeps.
        interpolation: How the images were scaled.
        mean: Of each channel, for pixels in [0, 1].
        std: Of each channel.
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
    """Give up on a server that does not answer, instead of waiting for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
