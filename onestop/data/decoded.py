"""A split decoded once for many epochs: in memory, or in a file that later runs open.

Two things can be kept: images as the network sees them (`prepared`), and, if each epoch cuts other
parts out of them, whole images scaled down (`ScaledSamples`). Where they are kept changes no bit.

Legend: N images, C channels, h and w height and width of a kept image, F values of a vector.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.disk_cache import DiskCache, Found, Job, pack
from onestop.data.prefetch import ahead, groups
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, interpolate, pixel_tensor
from onestop.data.samples import Samples
from onestop.data.targets import Indices
from onestop.errors import BadImageError, UsageError
from onestop.images.decode import Pixels
from onestop.runtime.memory import available

CHUNK = 1024  # images treated in one call: more no longer fit the processor's caches


class ScaledSamples(Samples):
    """Images of a split scaled down, in one flat array; those that could not be read are empty."""

    def __init__(
        self, original: Samples, channels: int, flat: NDArray[np.uint8], shapes: NDArray[np.int64]
    ) -> None:
        """`flat` holds images [h, w, channels] one after the other, `shapes` [N, 2] h and w."""
        self.original, self.targets = original, original.targets
        self.channels, self.flat, self.shapes = channels, flat, shapes
        self.ends = np.cumsum(shapes.prod(1) * channels)

    def read(self, index: int, channels: int) -> Pixels:
        assert channels == self.channels
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
    """Keeps a split.

    Attributes:
        samples: The split.
        preprocessing: How the network sees it.
        workers: Threads that decode.
        bad: Number of each image that cannot be read, with the reason; added to.
        store: Where it is kept on the disk; in memory if not given.
    """

    samples: Samples
    preprocessing: Preprocessing
    workers: int
    bad: dict[int, str]
    store: DiskCache | None = None

    def prepared(self) -> Tensor:
        """All images as the network sees them, uint8 [N, C, h, w]; unreadable ones are black.

        Vectors are taken as they are, float32 [N, F].
        """
        if self.samples.in_memory:
            return self._prepared_arrays()
        kept = self.preprocessing.room(len(self.samples))

        def load(index: int) -> None:
            try:
                kept[index] = self.preprocessing.prepare(self.samples, index)
            except BadImageError as error:
                self.bad[index] = str(error)

        for _ in ahead(groups(len(kept)), load, self.workers):
            pass
        return kept

    def prepared_on_disk(self) -> Tensor | None:
        """The same out of a file, which is written if there is none; None if that fails."""
        to = self.preprocessing
        assert isinstance(to, ImagePreprocessing)
        assert self.store is not None
        how = {
            "kind": "prepared h w c", "channels": to.channels, "size": to.size, "fit": to.fit,
            "crop_fraction": to.crop_fraction, "interpolation": to.interpolation,
        }  # fmt: skip
        size = len(self.samples) * int(np.prod(to.shape))
        channels, h, w = to.shape
        job = Job(
            self.samples,
            lambda i: to.prepare(self.samples, i).permute(1, 2, 0).numpy(),
            (h, w, channels),
            self.workers,
        )
        found = self.store.get(job, how, lambda: size)
        if found is None:
            return None
        self.bad.update(found.bad)
        return torch.from_numpy(found.pixels).view(-1, h, w, channels).permute(0, 3, 1, 2)

    def scaled(self) -> ScaledSamples:
        """All images, those with a longer shorter side than `scaled_side` brought down to it.

        Raises:
            UsageError: They take more memory than there is.
        """
        to = self.preprocessing
        assert isinstance(to, ImagePreprocessing)
        side, channels = scaled_side(to), to.channels

        def load(index: int) -> Pixels:
            pixels = self.samples.read(index, channels)
            h, w = _fitting(pixels.shape[0], pixels.shape[1], side)
            image = interpolate(pixel_tensor(pixels), (h, w), to.interpolation)[0]
            return image.permute(1, 2, 0).contiguous().numpy()

        job = Job(self.samples, load, (0, 0, channels), self.workers)
        found = None
        if self.store is not None:
            how = {
                "kind": "scaled", "channels": channels, "side": side,
                "interpolation": to.interpolation,
            }  # fmt: skip
            found = self.store.get(job, how, lambda: self._scaled_size(side, channels))
        if found is None:
            size = self._scaled_size(side, channels)
            require_memory(size, len(self.samples), "disk" if self.store else "memory")
            memory = io.BytesIO()
            shapes, bad = pack(job, memory)
            found = Found(np.frombuffer(memory.getbuffer(), np.uint8), shapes, bad)
        self.bad.update(found.bad)
        sizes = np.array(found.shapes, np.int64)[:, :2]
        return ScaledSamples(self.samples, channels, found.pixels, sizes)

    def _prepared_arrays(self) -> Tensor:
        if not self.preprocessing.is_image:
            return self.preprocessing.prepare_many(self.samples, slice(None))
        kept = self.preprocessing.room(len(self.samples))

        def load(start: int) -> None:
            part = slice(start, start + CHUNK)
            kept[part] = self.preprocessing.prepare_many(self.samples, part)

        for _ in ahead([range(0, len(kept), CHUNK)], load, self.workers):
            pass
        return kept

    def _scaled_size(self, side: int, channels: int) -> int:
        """Bytes of all images scaled down, from their headers."""

        def size(index: int) -> int:
            try:
                height, width, _ = self.samples.measure(index)
            except BadImageError:
                return 0
            return int(np.prod(_fitting(height, width, side))) * channels

        return sum(sum(group) for group in ahead(groups(len(self.samples)), size, self.workers))


def scaled_side(preprocessing: ImagePreprocessing) -> int:
    """Pixels of the shorter side of a scaled image: 256 for a network that sees 224, and so on.

    256 is what images are usually scaled to before 224 pixels are cut out of them (Krizhevsky et al.
    2012, section 5.1, https://papers.nips.cc/paper/4824).
    """
    return round(max(preprocessing.size) * 256 / 224)


def require_memory(size: int, images: int, asked: str) -> None:
    """See that images of so many bytes fit into memory.

    Raises:
        UsageError: They do not.
    """
    free = available()
    if free is not None and size > free:
        raise UsageError(
            f"--cache {asked}: {images:,} images take {size / 1e9:.2f} GB of memory and "
            f"{free / 1e9:.2f} GB are free; use --cache none"
            + (" or --cache disk" if asked == "memory" else ", or make room on the disk")
        )


def _fitting(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width with the shorter of them at most `side`."""
    shorter = min(height, width)
    if shorter <= side:
        return height, width
    return round(height * side / shorter), round(width * side / shorter)
