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
from onestop.errors import BadImageError
from onestop.images.arrays import in_8_bits, one_image
from onestop.images.channels import to_channels
from onestop.images.decode import (
    Pixels,
    decode,
    deep_of_pillow,
    deep_values,
    is_deep,
    measure,
    measure_pillow,
    pixels_of,
)
from onestop.images.deep import Deep, of_array
from onestop.images.formats import read_file
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
        return decode(self.root / self.paths[index], channels, remark, pixel_range)

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
        return hashlib.blake2b(content, digest_size=16).digest()

    def identity(self) -> bytes:
        return str(self.values.shape).encode() + np.ascontiguousarray(self.values).tobytes()


class TorchSamples(Samples):
    """A torch data set with `dataset[i] == (image, target)`; Pillow, numpy or torch images."""

    def __init__(self, dataset: Any, targets: Targets, numbers: Indices) -> None:
        """`numbers` are the positions in the data set."""
        self.dataset = dataset
        self.targets = targets
        self.numbers = numbers
        self.remarks: dict[int, str] = {}

    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        image = self.dataset[int(self.numbers[index])][0]
        image = image if isinstance(image, Image.Image) else np.asarray(image)
        remark = partial(self.remarks.__setitem__, index)
        return pixels_of(image, channels, remark, pixel_range)

    def deep(self, index: int) -> Deep | None:
        image = self.dataset[int(self.numbers[index])][0]
        if isinstance(image, Image.Image):
            return deep_of_pillow(image)
        return of_array(one_image(image)[0])

    def measure(self, index: int) -> tuple[int, int, int]:
        image = self.dataset[int(self.numbers[index])][0]
        if isinstance(image, Image.Image):
            return measure_pillow(image)
        height, width, channels = one_image(image)[0].shape
        return height, width, channels

    def name(self, index: int) -> str:
        return f"#{self.numbers[index]}"

    def take(self, indices: Indices) -> TorchSamples:
        return TorchSamples(self.dataset, self.targets.take(indices), self.numbers[indices])

    def identity(self) -> bytes:
        # Reading every image to distinguish data sets would cost an epoch.
        return f"{type(self.dataset).__qualname__} {len(self.dataset)}".encode()
