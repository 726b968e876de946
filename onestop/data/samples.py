"""Images (or vectors) with their targets, in the three forms they come in: files, arrays, torch sets.

Legend: N samples, H height, W width, C channels, F features.
"""

from __future__ import annotations

import errno
import hashlib
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.images.decode import (
    Pixels,
    decode,
    from_pillow,
    measure,
    measure_pillow,
    to_channels,
)
from onestop.images.formats import BadImageError

Targets: TypeAlias = NDArray[np.int64] | NDArray[np.float32]
"""[N] class numbers, or [N] numbers to predict."""


class Samples(ABC):
    """A sequence of inputs and the target of each.

    Attributes:
        targets: [N].
        remarks: By number, what a person should know of images that could be read all the same (a
            JPEG that is damaged in part); of those read so far.
    """

    targets: Targets
    remarks: Mapping[int, str] = MappingProxyType({})

    def __len__(self) -> int:
        return len(self.targets)

    @abstractmethod
    def read(self, index: int, channels: int) -> Pixels:
        """The image as [H, W, channels]; raises `BadImageError`."""

    @abstractmethod
    def measure(self, index: int) -> tuple[int, int, int]:
        """Height, width and natural channels, without decoding where that is possible."""

    @abstractmethod
    def name(self, index: int) -> str:
        """What a person would call this sample: its path, or its number."""

    @abstractmethod
    def take(self, indices: NDArray[np.int64]) -> Samples:
        """Some of the samples, in the order given."""

    @abstractmethod
    def identity(self) -> bytes:
        """Bytes that change when the samples do (targets not included)."""


class FileSamples(Samples):
    """Image files below a folder."""

    def __init__(self, root: Path, paths: Sequence[str], targets: Targets) -> None:
        """`paths` are relative to `root` (or absolute)."""
        self.root = root
        self.paths = list(paths)
        self.targets = targets
        self.remarks: dict[int, str] = {}

    def read(self, index: int, channels: int) -> Pixels:  # noqa: D102
        remark = partial(self.remarks.__setitem__, index)
        return decode(self.root / self.paths[index], channels, remark)

    def measure(self, index: int) -> tuple[int, int, int]:  # noqa: D102
        return measure(self.root / self.paths[index])

    def name(self, index: int) -> str:  # noqa: D102
        return self.paths[index]

    def take(self, indices: NDArray[np.int64]) -> FileSamples:  # noqa: D102
        return FileSamples(self.root, [self.paths[i] for i in indices], self.targets[indices])

    def size(self, index: int) -> int:
        """Bytes of a file; 0 where it is none, or not to be had."""
        try:
            status = (self.root / self.paths[index]).stat()
        except OSError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def digest(self, index: int) -> bytes:
        """SHA-256 of a file's whole content.

        Raises:
            OSError: It cannot be read, or is no file.
        """
        path = self.root / self.paths[index]
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "not a file", str(path))  # a pipe could block for ever
        with path.open("rb", buffering=0) as file:
            return hashlib.sha256(file.readall()).digest()

    def identity(self) -> bytes:  # noqa: D102
        lines = []
        for path in self.paths:
            try:
                size = (self.root / path).stat().st_size
            except OSError:
                size = -1
            lines.append(f"{path}\0{size}")
        return "\n".join(lines).encode(errors="surrogateescape")


class ArraySamples(Samples):
    """Images [N, H, W, C] of uint8, or vectors [N, F] of float32, in memory."""

    def __init__(
        self, values: NDArray[Any], targets: Targets, numbers: NDArray[np.int64] | None = None
    ) -> None:
        """`numbers` are what the samples are called; 0, 1, 2, ... where not given."""
        self.values = values
        self.targets = targets
        self.numbers = np.arange(len(values)) if numbers is None else numbers

    @property
    def vectors(self) -> bool:
        """Whether these are vectors rather than images."""
        return self.values.ndim == 2

    def read(self, index: int, channels: int) -> Pixels:  # noqa: D102
        return to_channels(self.values[index], channels)

    def many(self, indices: NDArray[np.int64], channels: int) -> Pixels:
        """Several images at once, [n, H, W, channels]."""
        return to_channels(self.values[indices], channels)

    def measure(self, index: int) -> tuple[int, int, int]:  # noqa: D102
        height, width, channels = self.values[index].shape
        return height, width, channels

    def name(self, index: int) -> str:  # noqa: D102
        return f"#{self.numbers[index]}"

    def take(self, indices: NDArray[np.int64]) -> ArraySamples:  # noqa: D102
        return ArraySamples(self.values[indices], self.targets[indices], self.numbers[indices])

    def identity(self) -> bytes:  # noqa: D102
        return str(self.values.shape).encode() + np.ascontiguousarray(self.values).tobytes()


class TorchSamples(Samples):
    """A torch data set with `dataset[i] == (image, target)`; images of Pillow, numpy or torch."""

    def __init__(self, dataset: Any, targets: Targets, numbers: NDArray[np.int64]) -> None:
        """`numbers` are the positions in the data set."""
        self.dataset = dataset
        self.targets = targets
        self.numbers = numbers

    def read(self, index: int, channels: int) -> Pixels:  # noqa: D102
        image = self.dataset[int(self.numbers[index])][0]
        if isinstance(image, Image.Image):
            return from_pillow(image, channels)
        return to_channels(image_array(image), channels)

    def measure(self, index: int) -> tuple[int, int, int]:  # noqa: D102
        image = self.dataset[int(self.numbers[index])][0]
        if isinstance(image, Image.Image):
            return measure_pillow(image)
        height, width, channels = image_array(image).shape
        return height, width, channels

    def name(self, index: int) -> str:  # noqa: D102
        return f"#{self.numbers[index]}"

    def take(self, indices: NDArray[np.int64]) -> TorchSamples:  # noqa: D102
        return TorchSamples(self.dataset, self.targets[indices], self.numbers[indices])

    def identity(self) -> bytes:  # noqa: D102
        # Reading every image to tell sets apart would cost an epoch.
        return f"{type(self.dataset).__qualname__} {len(self.dataset)}".encode()


def pixels_of(image: Any, channels: int, remark: Callable[[str], None] | None = None) -> Pixels:
    """An image in any form a person may give it in, as [H, W, channels].

    Args:
        image: A path, the bytes of an image file, a Pillow image, or an array or tensor as
            `images_array` takes them.
        channels: 1, 3 or 4.
        remark: Called with what is wrong with a file that can be read all the same.

    Raises:
        BadImageError: It cannot be read.
    """
    if isinstance(image, str | Path | bytes):
        return decode(image, channels, remark)
    if hasattr(image, "convert"):
        return from_pillow(image, channels)
    return to_channels(image_array(image), channels)


def image_array(image: Any) -> Pixels:
    """One image of numpy or torch as [H, W, C] of uint8; see `images_array`."""
    array = np.asarray(image)
    pixels: Pixels = images_array(array[None] if array.ndim in (2, 3) else array)[0]
    return pixels


def images_array(images: Any) -> Pixels:
    """Images of numpy or torch as [N, H, W, C] of uint8.

    Taken are [N, H, W], [N, H, W, C] and, as torch has them, [N, C, H, W], with C of 1, 3 or 4:
    whole numbers of 0..255, or fractions of 0..1.

    Raises:
        BadImageError: Any other shape or type, or values that are not in range.
    """
    array: NDArray[Any] = np.asarray(images)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4:
        raise BadImageError(
            f"shape {array.shape} is no image's; give [H, W], [H, W, C] or [C, H, W]"
        )
    if array.shape[-1] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
    if array.shape[-1] not in (1, 3, 4):
        raise BadImageError(f"shape {array.shape}: an image has 1, 3 or 4 channels")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == bool:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype.kind not in "iuf":
        raise BadImageError(f"values of type {array.dtype} are no pixels")
    if array.size and not (np.isfinite(array).all() and array.min() >= 0):
        raise BadImageError("has negative pixels, or ones that are not numbers")
    highest = array.max() if array.size else 0
    if array.dtype.kind == "f":
        if highest > 1:
            raise BadImageError(f"fractions must be in 0..1, found {highest:g}; divide by the top")
        pixels: Pixels = (array * 255.0).round().astype(np.uint8)
        return pixels
    if highest > 255:
        raise BadImageError(f"whole numbers must be in 0..255, found {highest}; scale them")
    return array.astype(np.uint8)
