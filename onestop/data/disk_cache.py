"""The pixels of a split out of a file of the cache, which is written where there is none.

What the file is called is a hash of all that the pixels depend on: the content of each image file, all
of it, in their order; the geometry they are brought to; and the versions of what decodes and resizes.
Reading the files costs far less than decoding them, and size and time of a file do not tell whether it
is still the same.

Legend: N images.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import features

from onestop.data import cache_file as cache
from onestop.data.prefetch import ahead, groups
from onestop.errors import BadImageError

if TYPE_CHECKING:
    from onestop.data.samples import Samples
    from onestop.images.decode import Pixels


class _UnkeptError(Exception):
    """A reason not to write a file.

    Not a `OneStopError`: no caller sees it, since it becomes a line of what the cache reports.
    """


class _Sink(Protocol):
    def write(self, pixels: memoryview, /) -> object: ...


@dataclass(frozen=True)
class Job:
    """How the pixels of a split are made.

    Attributes:
        samples: The split.
        load: Pixels of one image by its number; runs in several threads at once.
        blank: Shape of what stands for an image that cannot be read.
        workers: Threads.
    """

    samples: Samples
    load: Callable[[int], Pixels]
    blank: tuple[int, ...]
    workers: int


@dataclass(frozen=True)
class Found:
    """Pixels of all images one after the other, the shape of each, and which cannot be read."""

    pixels: NDArray[np.uint8]
    shapes: list[tuple[int, ...]]
    bad: dict[int, str]


@dataclass
class DiskCache:
    """Where a split is kept on the disk.

    Attributes:
        source: Name of the data set, for people.
        split: ... and of the split.
        said: A line on each thing worth knowing; added to.
        folder: Of the cache's files.
    """

    source: str
    split: str
    said: list[str] = field(default_factory=list)
    folder: Path = field(default_factory=cache.cache_folder)

    def get(self, job: Job, how: Mapping[str, Any], size: Callable[[], int]) -> Found | None:
        """The pixels out of the file, written now where it is missing or damaged.

        Args:
            job: How the pixels are made.
            how: What they depend on beside the files' content, as JSON can say it.
            size: Bytes that they will take, about; asked for only where they are written.

        Returns:
            None where they cannot be kept on the disk; `said` has the reason.
        """
        try:
            stored = self._open(job, how, size)
        except (OSError, _UnkeptError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            place = getattr(error, "filename", None) or self.folder
            self._say(f"not kept on the disk: {place}: {reason}")
            return None
        if stored is None:  # removed by another process in between
            return None
        about = stored.about
        bad = {int(index): reason for index, reason in about["bad"].items()}
        shapes = [tuple(shape) for shape in about["shapes"]]  # one where all are alike
        return Found(stored.pixels, shapes * (about["images"] // len(shapes)), bad)

    def _open(
        self, job: Job, how: Mapping[str, Any], size: Callable[[], int]
    ) -> cache.Stored | None:
        digests = _digests(job)
        path = self.folder / f"{_key(digests, how)}.images"
        try:
            if stored := cache.open_stored(path, job.workers):
                self._say(f"{len(job.samples):,} images out of {self.folder}, none decoded")
                return stored
        except cache.DamagedError as error:
            self._say(f"{path}: {error}; it is made anew")
            cache.remove(path)
        self._make_room(size())
        self._write(path, digests, job, how)
        return cache.open_stored(path, check=False)

    def _make_room(self, size: int) -> None:
        gone = cache.make_room(self.folder, size)
        if gone is None:
            most = cache.limit(self.folder) / 1e9
            raise _UnkeptError(
                f"{size / 1e9:.3g} GB do not fit into {most:.3g} GB; raise ONESTOP_CACHE_GB"
            )
        if gone:
            self._say(f"{gone} of its files, not used for the longest time, were removed")

    def _write(self, path: Path, digests: list[bytes], job: Job, how: Mapping[str, Any]) -> None:
        samples = job.samples

        def checked(index: int) -> Pixels:
            try:
                pixels = job.load(index)
            except BadImageError as error:
                if _passing(error):
                    raise _UnkeptError(f"{samples.name(index)}: {error}") from error
                raise
            finally:  # else the pixels may be of another content than the name says
                if samples.digest(index) != digests[index]:
                    raise _UnkeptError(f"{samples.name(index)} changes while it is read")
            return pixels

        with cache.Writer(self.folder, path.stem) as writer:
            shapes, bad = pack(Job(samples, checked, job.blank, job.workers), writer)
            about = {
                "source": self.source, "split": self.split, "images": len(samples), "how": how,
                "bad": bad, "shapes": shapes[:1] if len(set(shapes)) == 1 else shapes,
            }  # fmt: skip
            writer.finish(about)
        self._say(f"{len(samples):,} images decoded and kept in {self.folder}")

    def _say(self, line: str) -> None:
        self.said.append(f"cache: {self.split}: {line}")


def pack(job: Job, sink: _Sink) -> tuple[list[tuple[int, ...]], dict[int, str]]:
    """Write the pixels of all images in their order; their shapes, and which cannot be read."""
    shapes, bad = [], {}

    def attempt(index: int) -> Pixels | BadImageError:
        try:
            return job.load(index)
        except BadImageError as error:
            return error

    loaded = ahead(groups(len(job.samples)), attempt, job.workers)
    for index, found in enumerate(image for group in loaded for image in group):
        if isinstance(found, BadImageError):
            bad[index] = str(found)
        pixels = np.zeros(job.blank, np.uint8) if isinstance(found, BadImageError) else found
        sink.write(np.ascontiguousarray(pixels).reshape(-1).data)
        shapes.append(pixels.shape)
    return shapes, bad


def _digests(job: Job) -> list[bytes]:
    samples = job.samples

    def several(numbers: range) -> list[bytes]:  # one file is too little work for a thread
        return [samples.digest(index) for index in numbers]

    found = ahead(([numbers] for numbers in groups(len(samples))), several, job.workers)
    return [digest for batch in found for group in batch for digest in group]


def _key(digests: list[bytes], how: Mapping[str, Any]) -> str:
    """The name of the file with just these pixels.

    Other decoders and processors can round a pixel otherwise, so that they count too.
    """
    libraries = ("libjpeg_turbo", "jpg", "webp", "libtiff")
    made_by = [
        cache.FORMAT, PIL.__version__, *map(features.version, libraries), torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
    ]  # fmt: skip
    whole = hashlib.sha256(json.dumps([how, made_by], sort_keys=True).encode())
    whole.update(b"".join(digests))
    return whole.hexdigest()


def _passing(error: BadImageError) -> bool:
    """Whether an image cannot be read because of the machine, which may read it the next time."""
    cause = error.__cause__
    return isinstance(cause, MemoryError) or (
        isinstance(cause, OSError) and cause.errno is not None
    )
