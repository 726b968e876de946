"""Samples: images or vectors with their targets, stored as files, arrays or torch data sets.

Everything that depends on the storage is a method or attribute of `Samples`; other code never checks
the class.

Legend: N samples in a split, n in a selection, H height, W width, C channels, F values of a vector.
"""

from __future__ import annotations

import copy
import errno
import hashlib
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.data.targets import Indices, Targets
from onestop.errors import BadImageError, UsageError
from onestop.images.arrays import image_array
from onestop.images.decode import (
    Pixels,
    decode,
    measure,
    measure_pillow,
    pixels_of,
    to_channels,
)
from onestop.images.formats import read_file
from onestop.images.forms import Deferred, Form, image_form


class Samples(ABC):
    """A sequence of inputs, each with a target.

    Attributes:
        targets: One per sample.
        remarks: By index, warnings about images that could be read all the same (such as a partly
            damaged JPEG), of the images read so far.
        features: F; 0 if the samples are images.
        in_memory: Whether all samples are in memory with the same shape, as `many` returns them.
        has_digests: Whether `digest` is available without decoding.
    """

    targets: Targets
    remarks: Mapping[int, str] = MappingProxyType({})
    features: int = 0
    in_memory: ClassVar[bool] = False
    has_digests: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def is_image(self) -> bool:
        """Whether these are images rather than vectors."""
        return not self.features

    @abstractmethod
    def read(self, index: int, channels: int) -> Pixels:
        """The image as [H, W, channels]; raises `BadImageError`."""

    @abstractmethod
    def measure(self, index: int) -> tuple[int, int, int]:
        """Height, width and native channel count, without decoding if possible."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Display name of a sample: its path, or its number."""

    @abstractmethod
    def take(self, indices: Indices) -> Samples:
        """The samples at some indices, in that order."""

    def with_targets(self, targets: Targets) -> Self:
        """The same samples with other targets."""
        samples = copy.copy(self)
        samples.targets = targets
        return samples

    @abstractmethod
    def identity(self) -> bytes:
        """Bytes that change when the samples do (targets not included)."""

    def many(self, indices: Indices | slice) -> NDArray[Any]:
        """Several samples at once as they are stored: uint8 [n, H, W, C] or float32 [n, F].

        Raises:
            NotImplementedError: They are not in memory.
        """
        raise NotImplementedError

    def content(self, index: int) -> bytes | None:  # noqa: ARG002
        """The content of an image file; None if there is no file. Raises `BadImageError`."""
        return None

    def size(self, index: int) -> int:  # noqa: ARG002
        """Size of an image file in bytes; 0 if there is no file."""
        return 0

    def digest(self, index: int) -> bytes:
        """A hash of the complete stored content of an image, if `has_digests`.

        Raises:
            OSError: It cannot be read.
        """
        raise NotImplementedError


class FileSamples(Samples):
    """Image files below a folder."""

    has_digests = True

    def __init__(self, root: Path, paths: Sequence[str], targets: Targets) -> None:
        """`paths` are relative to `root` (or absolute)."""
        self.root = root
        self.paths = list(paths)
        self.targets = targets
        self.remarks: dict[int, str] = {}

    def read(self, index: int, channels: int) -> Pixels:
        remark = partial(self.remarks.__setitem__, index)
        return decode(self.root / self.paths[index], channels, remark)

    def measure(self, index: int) -> tuple[int, int, int]:
        return measure(self.root / self.paths[index])

    def name(self, index: int) -> str:
        return self.paths[index]

    def take(self, indices: Indices) -> FileSamples:
        paths = [self.paths[i] for i in indices]
        return FileSamples(self.root, paths, self.targets.take(indices))

    def content(self, index: int) -> bytes:
        return read_file(self.root / self.paths[index])

    def size(self, index: int) -> int:
        """Size of a file in bytes; 0 if it is not a file or not accessible."""
        try:
            status = (self.root / self.paths[index]).stat()
        except OSError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def digest(self, index: int) -> bytes:
        """SHA-256 of a file.

        Raises:
            OSError: It cannot be read, or is not a regular file.
        """
        path = self.root / self.paths[index]
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "not a file", str(path))  # a pipe could block forever
        with path.open("rb", buffering=0) as file:
            return hashlib.sha256(file.readall()).digest()

    def identity(self) -> bytes:
        lines = []
        for path in self.paths:
            try:
                size = (self.root / path).stat().st_size
            except OSError:
                size = -1
            lines.append(f"{path}\0{size}")
        return "\n".join(lines).encode(errors="surrogateescape")


class ArraySamples(Samples):
    """Images uint8 [N, H, W, C] or vectors float32 [N, F] in memory."""

    in_memory = True
    has_digests = True

    def __init__(
        self, values: NDArray[Any], targets: Targets, numbers: Indices | None = None
    ) -> None:
        """`numbers` name the samples; 0, 1, 2, ... by default."""
        self.values = values
        self.targets = targets
        self.numbers = np.arange(len(values)) if numbers is None else numbers
        self.features = values.shape[1] if values.ndim == 2 else 0

    def read(self, index: int, channels: int) -> Pixels:
        return to_channels(self.values[index], channels)

    def many(self, indices: Indices | slice) -> NDArray[Any]:
        return self.values[indices]

    def measure(self, index: int) -> tuple[int, int, int]:
        height, width, channels = self.values[index].shape
        return height, width, channels

    def name(self, index: int) -> str:
        return f"#{self.numbers[index]}"

    def take(self, indices: Indices) -> ArraySamples:
        return ArraySamples(self.many(indices), self.targets.take(indices), self.numbers[indices])

    def digest(self, index: int) -> bytes:
        """A hash of a sample's values, without its shape, which all samples share."""
        content = np.ascontiguousarray(self.values[index]).data
        return hashlib.blake2b(content, digest_size=16).digest()

    def identity(self) -> bytes:
        return str(self.values.shape).encode() + np.ascontiguousarray(self.values).tobytes()


class TorchSamples(Samples):
    """A torch data set with `dataset[i] == (image, target)`; images as `image_form` takes them."""

    def __init__(self, dataset: Any, targets: Targets, numbers: Indices) -> None:
        """`numbers` are the positions in the data set."""
        self.dataset = dataset
        self.targets = targets
        self.numbers = numbers

    def read(self, index: int, channels: int) -> Pixels:
        return pixels_of(self._image(index), channels)

    def measure(self, index: int) -> tuple[int, int, int]:
        image = self._image(index)
        if isinstance(image, Image.Image):
            return measure_pillow(image)
        if isinstance(image, Path | bytes):
            return measure(image)
        height, width, channels = image_array(image).shape
        return height, width, channels

    def _image(self, index: int) -> Form:
        """What the data set gives for an image; raises `BadImageError` if it is not one."""
        try:
            return image_form(Deferred(lambda: self.dataset[int(self.numbers[index])][0]))
        except UsageError as error:
            raise BadImageError(str(error)) from None

    def name(self, index: int) -> str:
        return f"#{self.numbers[index]}"

    def take(self, indices: Indices) -> TorchSamples:
        return TorchSamples(self.dataset, self.targets.take(indices), self.numbers[indices])

    def identity(self) -> bytes:
        # Reading every image to distinguish data sets would cost an epoch.
        return f"{type(self.dataset).__qualname__} {len(self.dataset)}".encode()
