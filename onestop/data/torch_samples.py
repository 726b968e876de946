"""Samples of torch data sets."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from onestop.data.samples import Samples, digest_of
from onestop.data.targets import Indices, Targets
from onestop.errors import BadImageError, UsageError
from onestop.images.arrays import one_image
from onestop.images.decode import deep_of_pillow, deep_values, pixels_of
from onestop.images.deep import Deep, of_array
from onestop.images.forms import Deferred, Form, image_form
from onestop.images.header import measure
from onestop.images.pillow import Pixels, measure_pillow
from onestop.images.pixel_range import PixelRange

FEW = 10_000
"""Up to this many images of a torch data set without files are read to recognise them by content."""


def paths_of(dataset: Any) -> list[str]:
    """The file of each sample of a torch data set, where torchvision's sets and their like keep them.

    Empty if they are not kept, or not one per sample.
    """
    for attribute in ("samples", "_samples", "imgs", "_image_files", "_images"):
        values = getattr(dataset, attribute, None)
        if isinstance(values, list) and values and len(values) == len(dataset):
            paths = [value[0] if isinstance(value, tuple) else value for value in values]
            if all(isinstance(p, str | Path) for p in paths) and Path(paths[0]).is_file():
                return [os.path.abspath(path) for path in paths]  # noqa: PTH100
    return []


class TorchSamples(Samples):
    """A torch data set with `dataset[i] == (image, target)`; images as `image_form` takes them."""

    def __init__(self, dataset: Any, targets: Targets, numbers: Indices) -> None:
        """`numbers` are the positions in the data set."""
        self.dataset = dataset
        self.targets = targets
        self.numbers = numbers
        self.remarks: dict[int, str] = {}

    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        remark = partial(self.remarks.__setitem__, index)
        return pixels_of(self._image(index), channels, remark, pixel_range)

    def deep(self, index: int) -> Deep | None:
        image = self._image(index)
        if isinstance(image, Path | bytes):
            return deep_values(image)
        if isinstance(image, Image.Image):
            return deep_of_pillow(image)
        return of_array(one_image(image)[0])

    def measure(self, index: int) -> tuple[int, int, int]:
        image = self._image(index)
        if isinstance(image, Image.Image):
            return measure_pillow(image)
        if isinstance(image, Path | bytes):
            return measure(image)
        height, width, channels = one_image(image)[0].shape
        return height, width, channels

    def name(self, index: int) -> str:
        return f"#{self.numbers[index]}"

    def take(self, indices: Indices) -> TorchSamples:
        return TorchSamples(self.dataset, self.targets.take(indices), self.numbers[indices])

    def place(self, index: int) -> str:
        return self._paths[self.numbers[index]] if self._paths else ""

    @cached_property
    def recognisable(self) -> bool:
        """By its file, else by its pixels, if there are not too many and they do not change."""
        if self._paths:
            return True
        return len(self.dataset) <= FEW and all(
            self._hash_of_image(i) == self._hash_of_image(i) for i in {0, len(self) - 1}
        )

    def identify(self, index: int) -> bytes:
        if self._paths:
            return digest_of(self.place(index))
        if self.recognisable:
            return self._hash_of_image(index)
        number = f"{self.identity().decode()} {self.numbers[index]}"
        return hashlib.sha256(number.encode()).digest()

    @cached_property
    def _paths(self) -> list[str]:
        return paths_of(self.dataset)

    def _image(self, index: int) -> Form:
        """What the data set gives for an image; raises `BadImageError` if it is not one."""
        try:
            return image_form(Deferred(lambda: self.dataset[int(self.numbers[index])][0]))
        except UsageError as error:
            raise BadImageError(str(error)) from None

    def _hash_of_image(self, index: int) -> bytes:
        image = self._image(index)
        if isinstance(image, Path):
            return digest_of(image)
        if isinstance(image, bytes):
            about, content = "", image
        elif isinstance(image, Image.Image):
            about, content = f"{image.mode} {image.size}", image.tobytes()
        else:
            array = np.ascontiguousarray(one_image(image)[0])
            about, content = f"{array.dtype} {array.shape}", array.tobytes()
        return hashlib.sha256(about.encode() + content).digest()

    def identity(self) -> bytes:
        # Reading every image to distinguish data sets would cost an epoch.
        return f"{type(self.dataset).__qualname__} {len(self.dataset)}".encode()
