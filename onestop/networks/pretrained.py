"""Pretrained weights with their preprocessing and class names."""

from __future__ import annotations

import errno
import functools
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from onestop.runtime.files import home

if TYPE_CHECKING:
    from onestop.recipe import Fit

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
        fit: How an image becomes square.
        task: What the network predicts with them.
        task_options: What goes with the task; see `Task.options`.
    """

    state: dict[str, Tensor]
    classes: tuple[str, ...]
    size: tuple[int, int]
    crop_fraction: float
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    task: str = "classification"
    task_options: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def connections(*, allowed: bool = True) -> Iterator[None]:
    """Wait for silent servers no longer than half a minute, or let this thread connect to none.

    Libraries then find only what is in their caches. Without a home folder these have no place, and
    would be made in the current folder.
    """
    if not any(os.environ.get(name) for name in ("XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME")):
        home()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with nullcontext() if allowed else _unconnected():
            yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _unconnected() -> Iterator[None]:
    """Let this thread neither look up an address nor connect to one, whatever library asks."""
    owner, genuine = threading.get_ident(), (socket.getaddrinfo, socket.socket.connect)

    def refusing(function: Any) -> Any:
        @functools.wraps(function)
        def refuse(*words: Any, **options: Any) -> Any:
            if threading.get_ident() == owner:
                raise OSError(errno.EPERM, "downloads are not allowed here")
            return function(*words, **options)

        return refuse

    try:
        socket.getaddrinfo = refusing(genuine[0])
        socket.socket.connect = refusing(genuine[1])  # type: ignore[method-assign]
        yield
    finally:
        socket.getaddrinfo = genuine[0]
        socket.socket.connect = genuine[1]  # type: ignore[method-assign]
