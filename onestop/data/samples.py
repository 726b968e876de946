"""Samples: images or vectors with their targets, stored as files, arrays or torch data sets.

Everything that depends on the storage is a method or attribute of `Samples`; other code never checks
the class.

Legend: N samples in a split, n in a selection, H height, W width, C channels, F values of a vector.
"""

from __future__ import annotations

import copy
import errno
import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from onestop.data.digests import Digests
from onestop.data.targets import Indices, Targets
from onestop.errors import BadImageError
from onestop.images.arrays import in_8_bits
from onestop.images.channels import to_channels
from onestop.images.decode import decode, deep_values, is_deep
from onestop.images.deep import Deep, of_array
from onestop.images.formats import read_file
from onestop.images.header import measure
from onestop.images.pillow import Pixels
from onestop.images.pixel_range import NOTICED, PixelRange, remark_outside


class Samples(ABC):
    """A sequence of inputs, each with a target.

    Attributes:
        targets: One per sample.
        remarks: By index, warnings about images that could be read all the same (such as a partly
            damaged JPEG), of the images read so far.
        features: F; 0 if the samples are images.
        in_memory: Whether all samples are in memory with the same shape, as `many` returns them.
        has_digests: Whether `digest` is available without decoding.
        shows_depth: Whether `deep` knows without decoding that an image has 8 bits.
    """

    targets: Targets
    remarks: Mapping[int, str] = MappingProxyType({})
    features: int = 0
    in_memory: ClassVar[bool] = False
    has_digests: ClassVar[bool] = False
    shows_depth: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def digests(self) -> Digests:
        """What is known so far of the samples' contents; `onestop.data.contents` completes it."""
        known: Digests = self.__dict__.setdefault("_digests", Digests.of(len(self)))
        return known

    @property
    def is_image(self) -> bool:
        """Whether these are images rather than vectors."""
        return not self.features

    @abstractmethod
    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        """The image as [H, W, channels]; raises `BadImageError`.

        The range is that of the model or of the training split: never the image's own.
        """

    def deep(self, index: int) -> Deep | None:  # noqa: ARG002
        """The values of an image of more than 8 bits; None if it has 8. Raises `BadImageError`."""
        return None

    def is_deep(self, index: int) -> bool:
        """Whether an image has more than 8 bits, without decoding if it `shows_depth`."""
        return self.deep(index) is not None

    @abstractmethod
    def measure(self, index: int) -> tuple[int, int, int]:
        """Height, width and native channel count, without decoding if possible."""

    def is_readable(self, index: int) -> bool:
        """Whether an image can be measured."""
        try:
            self.measure(index)
        except BadImageError:
            return False
        return True

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
        """Several samples at once as they are stored: images [n, H, W, C] or float32 [n, F].

        Raises:
            NotImplementedError: They are not in memory.
        """
        raise NotImplementedError

    def read_many(self, indices: Indices | slice, channels: int, pixel_range: PixelRange) -> Pixels:
        """Several images at once, [n, H, W, channels], as `read` gives them.

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

    def place(self, index: int) -> str:  # noqa: ARG002
        """The absolute path of a sample's own file; empty if it has none."""
        return ""

    @property
    def recognisable(self) -> bool:
        """Whether `identify` follows from a sample's content rather than from its number."""
        return True

    @property
    def form(self) -> str:
        """What all samples share beside their contents: the shape and type of arrays."""
        return ""

    def identify(self, index: int) -> bytes:
        """A hash that is the same whenever a sample is, whatever it is called and wherever it is.

        Raises:
            OSError: It cannot be read.
            BadImageError: The same.
        """
        return self.digest(index)


class FileSamples(Samples):
    """Image files below a folder."""

    has_digests = True
    shows_depth = True

    def __init__(self, root: Path, paths: Sequence[str], targets: Targets) -> None:
        """`paths` are relative to `root` (or absolute)."""
        self.root = root
        self.paths = list(paths)
        self.targets = targets
        self.remarks: dict[int, str] = {}

    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        remark = partial(self.remarks.__setitem__, index)
        path = self.root / self.paths[index]
        return decode(self.content(index), channels, remark, pixel_range, str(path))

    def deep(self, index: int) -> Deep | None:
        return deep_values(self.root / self.paths[index])

    def is_deep(self, index: int) -> bool:
        return is_deep(self.root / self.paths[index])

    def measure(self, index: int) -> tuple[int, int, int]:
        return measure(self.root / self.paths[index])

    def name(self, index: int) -> str:
        return self.paths[index]

    def take(self, indices: Indices) -> FileSamples:
        paths = [self.paths[i] for i in indices]
        taken = FileSamples(self.root, paths, self.targets.take(indices))
        taken.__dict__["_digests"] = self.digests.take(indices)
        return taken

    def content(self, index: int) -> bytes:
        data = read_file(self.root / self.paths[index])
        if not self.digests.has(index):
            self.digests.note(index, hashlib.sha256(data).digest())
        return data

    def place(self, index: int) -> str:
        return os.path.join(self._home, self.paths[index])  # noqa: PTH118 - a million times

    @cached_property
    def _home(self) -> str:
        return os.path.abspath(self.root)  # noqa: PTH100 - keeps links

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
        digest = digest_of(self.root / self.paths[index])
        self.digests.note(index, digest)
        return digest

    def identity(self) -> bytes:
        lines = []
        for path in self.paths:
            try:
                size = (self.root / path).stat().st_size
            except OSError:
                size = -1
            lines.append(f"{path}\0{size}")
        return "\n".join(lines).encode(errors="surrogateescape")


def digest_of(path: str | Path) -> bytes:
    """SHA-256 of a file.

    Raises:
        OSError: It cannot be read, or is not a regular file.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a file", str(path))  # a pipe could block forever
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").digest()


class ArraySamples(Samples):
    """Images [N, H, W, C], of uint8 or deeper, or vectors float32 [N, F] in memory."""

    in_memory = True
    has_digests = True
    shows_depth = True

    def __init__(
        self, values: NDArray[Any], targets: Targets, numbers: Indices | None = None
    ) -> None:
        """`numbers` name the samples; 0, 1, 2, ... by default."""
        self.values = values
        self.targets = targets
        self.numbers = np.arange(len(values)) if numbers is None else numbers
        self.features = values.shape[1] if values.ndim == 2 else 0
        self.remarks: dict[int, str] = {}

    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        single: Pixels = self.read_many(slice(index, index + 1), channels, pixel_range)[0]
        return single

    def deep(self, index: int) -> Deep | None:
        return of_array(self.values[index])

    def read_many(self, indices: Indices | slice, channels: int, pixel_range: PixelRange) -> Pixels:
        pixels, clipped = in_8_bits(self.many(indices), pixel_range)
        if clipped.any():
            places = np.arange(len(self.values))[indices]
            for place, share in zip(places.tolist(), clipped.tolist(), strict=True):
                if share > NOTICED:
                    self.remarks[place] = remark_outside(share, pixel_range)
        return to_channels(pixels, channels)

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
        digest = hashlib.blake2b(content, digest_size=16).digest()
        self.digests.note(index, digest)
        return digest

    @property
    def form(self) -> str:
        return f"{self.values.dtype} {self.values.shape[1:]}"

    def identity(self) -> bytes:
        return str(self.values.shape).encode() + np.ascontiguousarray(self.values).tobytes()
