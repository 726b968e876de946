"""Decoded splits cached across epochs: in memory, or in a file that later runs reuse.

Two forms can be cached: prepared images, as the network sees them, and, if every epoch takes different
crops, whole images scaled down (`ScaledSamples`). Results are bit-identical wherever they are cached.

Legend: N images, C channels, h and w height and width of a cached image, F values of a vector.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.disk_cache import CachedPixels, DiskCache, Job, pack
from onestop.data.prefetch import groups, prefetch
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, interpolate, pixel_tensor
from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.errors import BadImageError, UsageError
from onestop.images.pillow import Pixels
from onestop.images.pixel_range import PixelRange
from onestop.runtime.memory import available

CHUNK = 1024  # images processed in one call: more would not fit the CPU caches


class ScaledSamples(Samples):
    """Images of a split scaled down, in one flat array; unreadable ones are empty."""

    def __init__(
        self, original: Samples, preprocessing: ImagePreprocessing, flat: NDArray[np.uint8],
        shapes: NDArray[np.int64],
    ) -> None:  # fmt: skip
        """`flat` holds the images [h, w, channels] back to back, `shapes` [N, 2] their h and w."""
        self.original, self.targets = original, original.targets
        self.channels, self.pixel_range = preprocessing.channels, preprocessing.pixel_range
        self.flat, self.shapes = flat, shapes
        self.ends = np.cumsum(shapes.prod(1) * self.channels)

    def read(self, index: int, channels: int, pixel_range: PixelRange = "full") -> Pixels:
        assert (channels, pixel_range) == (self.channels, self.pixel_range)
        height, width = self.shapes[index].tolist()
        end = int(self.ends[index])
        return self.flat[end - height * width * channels : end].reshape(height, width, channels)

    def measure(self, index: int) -> tuple[int, int, int]:
        height, width = self.shapes[index].tolist()
        return height, width, self.channels

    def name(self, index: int) -> str:
        return self.original.name(index)

    def take(self, indices: Indices) -> Samples:
        return self.original.take(indices)

    def identity(self) -> bytes:
        return self.original.identity()


@dataclass
class DecodedCache:
    """Decodes a split for caching.

    Attributes:
        samples: The split.
        preprocessing: The network's preprocessing.
        workers: Threads that decode.
        bad: Index of each unreadable image, with the reason; extended.
        store: The cache on disk; None caches in memory.
    """

    samples: Samples
    preprocessing: Preprocessing
    workers: int
    bad: dict[int, str]
    store: DiskCache | None = None

    def prepared(self) -> Tensor:
        """All prepared images, uint8 [N, C, h, w]; unreadable ones are black.

        Vectors are returned unchanged, float32 [N, F].
        """
        if self.samples.in_memory:
            return self._prepared_arrays()
        images = self.preprocessing.room(len(self.samples))

        def load(index: int) -> None:
            try:
                images[index] = self.preprocessing.prepare(self.samples, index)
            except BadImageError as error:
                self.bad[index] = str(error)

        for _ in prefetch(groups(len(images)), load, self.workers):
            pass
        return images

    def prepared_on_disk(self) -> Tensor | None:
        """The same from a file, which is written if it does not exist; None if that fails."""
        to = self.preprocessing
        assert isinstance(to, ImagePreprocessing)
        assert self.store is not None
        how = {
            "kind": "prepared h w c", "channels": to.channels, "size": to.size, "fit": to.fit,
            "crop_fraction": to.crop_fraction, "interpolation": to.interpolation,
            **self._range(),
        }  # fmt: skip
        size = len(self.samples) * int(np.prod(to.shape))
        channels, h, w = to.shape
        job = Job(
            self.samples,
            lambda i: to.prepare(self.samples, i).permute(1, 2, 0).numpy(),
            (h, w, channels),
            self.workers,
        )
        cached = self.store.get(job, how, lambda: size)
        if cached is None:
            return None
        self.bad.update(cached.bad)
        return torch.from_numpy(cached.pixels).view(-1, h, w, channels).permute(0, 3, 1, 2)

    def scaled(self) -> ScaledSamples:
        """All images, with the shorter side scaled down to `scaled_side` if it is longer.

        Raises:
            UsageError: They need more memory than is free.
        """
        to = self.preprocessing
        assert isinstance(to, ImagePreprocessing)
        side, channels = scaled_side(to), to.channels

        def load(index: int) -> Pixels:
            pixels = self.samples.read(index, channels, to.pixel_range)
            h, w = _scaled_shape(pixels.shape[0], pixels.shape[1], side)
            image = interpolate(pixel_tensor(pixels), (h, w), to.interpolation)[0]
            return image.permute(1, 2, 0).contiguous().numpy()

        job = Job(self.samples, load, (0, 0, channels), self.workers)
        cached = None
        if self.store is not None:
            how = {
                "kind": "scaled", "channels": channels, "side": side,
                "interpolation": to.interpolation, **self._range(),
            }  # fmt: skip
            cached = self.store.get(job, how, lambda: self._scaled_size(side, channels))
        if cached is None:
            size = self._scaled_size(side, channels)
            require_memory(size, len(self.samples), "disk" if self.store else "memory")
            memory = io.BytesIO()
            shapes, bad = pack(job, memory)
            cached = CachedPixels(np.frombuffer(memory.getbuffer(), np.uint8), shapes, bad)
        self.bad.update(cached.bad)
        sizes = np.array(cached.shapes, np.int64)[:, :2]
        return ScaledSamples(self.samples, to, cached.pixels, sizes)

    def _prepared_arrays(self) -> Tensor:
        if not self.preprocessing.is_image:
            return self.preprocessing.prepare_many(self.samples, slice(None))
        images = self.preprocessing.room(len(self.samples))

        def load(start: int) -> None:
            part = slice(start, start + CHUNK)
            images[part] = self.preprocessing.prepare_many(self.samples, part)

        for _ in prefetch([range(0, len(images), CHUNK)], load, self.workers):
            pass
        return images

    def _range(self) -> dict[str, Any]:
        """The pixel range, if any image depends on it."""

        def any_deep(indices: range) -> bool:
            return any(map(self._is_deep, indices))

        batches = ([indices] for indices in groups(len(self.samples)))
        if any(map(any, prefetch(batches, any_deep, self.workers))):
            return {"pixel_range": self.preprocessing.pixel_range}
        return {}

    def _is_deep(self, index: int) -> bool:
        try:
            return self.samples.is_deep(index)
        except BadImageError:
            return False

    def _scaled_size(self, side: int, channels: int) -> int:
        """Size of all scaled images in bytes, from their headers."""

        def size(index: int) -> int:
            try:
                height, width, _ = self.samples.measure(index)
            except BadImageError:
                return 0
            return int(np.prod(_scaled_shape(height, width, side))) * channels

        return sum(sum(group) for group in prefetch(groups(len(self.samples)), size, self.workers))


def scaled_side(preprocessing: ImagePreprocessing) -> int:
    """Shorter side of a scaled image in pixels: 256 for an input of 224, otherwise in proportion.

    Images are usually resized to 256 pixels before a crop of 224 (Krizhevsky et al. 2012, section 5.1,
    https://papers.nips.cc/paper/4824).
    """
    return round(max(preprocessing.size) * 256 / 224)


def require_memory(size: int, images: int, mode: str) -> None:
    """Check that images of `size` bytes fit into memory; `mode` is the value of --cache.

    Raises:
        UsageError: They do not.
    """
    free = available()
    if free is not None and size > free:
        raise UsageError(
            f"--cache {mode}: {images:,} images need {size / 1e9:.2f} GB of memory, but only "
            f"{free / 1e9:.2f} GB are free; use --cache none"
            + (" or --cache disk" if mode == "memory" else ", or free up disk space")
        )


def _scaled_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width scaled so that the shorter side is at most `side`."""
    shorter = min(height, width)
    if shorter <= side:
        return height, width
    return round(height * side / shorter), round(width * side / shorter)
