"""The disk cache: the pixels of a split from a cache file, which is written if it does not exist.

The file name is a hash of everything the pixels depend on: the full content of each image file, in
order; the target geometry; and the versions of the libraries that decode and resize. Reading the files
is much cheaper than decoding them, while their size and modification time do not prove that they are
unchanged.

Legend: N images.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import PIL
import simplejpeg
import torch
from numpy.typing import NDArray

from onestop.data import cache_file as cache
from onestop.data.prefetch import groups, prefetch
from onestop.errors import BadImageError
from onestop.images.formats import decoders, limits
from onestop.runtime.checked import Count, parts
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.data.samples import Samples
    from onestop.images.pillow import Pixels


_KINDS = {"images": Count, "shapes": list[list[Count]], "bad": dict[str, str]}
"""What the description of a split has, besides what every cache file has."""


class _NotCachedError(Exception):
    """A reason not to write a cache file.

    Not a `OneStopError`: it never reaches the user, but becomes a note.
    """


class _Sink(Protocol):
    def write(self, pixels: memoryview, /) -> object: ...


@dataclass(frozen=True)
class Job:
    """How to compute the pixels of a split.

    Attributes:
        samples: The split.
        load: Returns the pixels of one image by index; runs in several threads at once.
        blank: Shape of the zeros that stand for an unreadable image.
        workers: Threads.
    """

    samples: Samples
    load: Callable[[int], Pixels]
    blank: tuple[int, ...]
    workers: int


@dataclass(frozen=True)
class CachedPixels:
    """Flat pixels of all images, the shape of each, and the unreadable ones with their reasons."""

    pixels: NDArray[np.uint8]
    shapes: list[tuple[int, ...]]
    bad: dict[int, str]


@dataclass
class DiskCache:
    """The cache of one split on disk.

    Attributes:
        source: Display name of the data set.
        split: Name of the split.
        notes: One line per event worth reporting; extended.
        folder: Folder of the cache files.
    """

    source: str
    split: str
    notes: list[str] = field(default_factory=list)
    folder: Path = field(default_factory=cache.cache_folder)

    def get(self, job: Job, how: Mapping[str, Any], size: Callable[[], int]) -> CachedPixels | None:
        """The pixels from the file, which is written first if it is missing or damaged.

        Args:
            job: How to compute the pixels.
            how: Everything they depend on besides the files' content, JSON-serialisable.
            size: Their approximate size in bytes; called only before writing.

        Returns:
            None if they cannot be cached on disk; `notes` has the reason.
        """
        try:
            stored = self._open(job, how, size)
        except (OSError, _NotCachedError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            place = getattr(error, "filename", None) or self.folder
            self._note(f"not cached on disk: {place}: {reason}")
            return None
        if stored is None:  # removed by another process in between
            return None
        about = stored.about
        bad = {int(index): reason for index, reason in about["bad"].items()}
        shapes = [tuple(shape) for shape in about["shapes"]]  # a single one if all are equal
        return CachedPixels(stored.pixels, shapes * (about["images"] // len(shapes)), bad)

    def _open(
        self, job: Job, how: Mapping[str, Any], size: Callable[[], int]
    ) -> cache.Stored | None:
        digests = _digests(job)
        path = self.folder / f"{_key(digests, how)}.images"
        try:
            if stored := cache.open_stored(path, job.workers):
                _require_fit(stored.about, job)
                self._note(f"{len(job.samples):,} images read from {self.folder}, none decoded")
                return stored
        except cache.DamagedError as error:
            self._note(f"{path}: {error}; rewriting it")
            cache.remove(path)
        self._make_room(size())
        self._write(path, digests, job, how)
        return cache.open_stored(path, check=False)

    def _make_room(self, size: int) -> None:
        removed = cache.make_room(self.folder, size)
        if removed is None:
            most = cache.limit(self.folder) / 1e9
            raise _NotCachedError(
                f"{size / 1e9:.3g} GB do not fit into {most:.3g} GB; raise ONESTOP_CACHE_GB"
            )
        if removed:
            self._note(f"removed {plural(removed, 'least recently used file')}")

    def _write(self, path: Path, digests: list[bytes], job: Job, how: Mapping[str, Any]) -> None:
        samples = job.samples

        def checked(index: int) -> Pixels:
            try:
                pixels = job.load(index)
            except BadImageError as error:
                if _is_temporary(error):
                    raise _NotCachedError(f"{samples.name(index)}: {error}") from error
                raise
            finally:  # else the pixels might not match the hash in the file name
                if samples.digest(index) != digests[index]:
                    raise _NotCachedError(f"{samples.name(index)} changed while it was read")
            return pixels

        with cache.Writer(self.folder, path.stem) as writer:
            shapes, bad = pack(Job(samples, checked, job.blank, job.workers), writer)
            about = {
                "source": self.source, "split": self.split, "images": len(samples), "how": how,
                "bad": bad, "shapes": shapes[:1] if len(set(shapes)) == 1 else shapes,
            }  # fmt: skip
            writer.finish(about)
        self._note(f"{len(samples):,} images decoded and cached in {self.folder}")

    def _note(self, line: str) -> None:
        self.notes.append(f"cache: {self.split}: {line}")


def _require_fit(about: Mapping[str, Any], job: Job) -> None:
    """See that a description is of these images, whoever wrote it.

    Raises:
        DamagedError: It is not.
    """
    images = len(job.samples)
    kept, _ = parts(about, _KINDS)
    shapes, bad = kept.get("shapes", []), kept.get("bad", {})
    unreadable = {str(index) for index in range(images)}
    whole = len(shapes) in (1, images) and all(_fits_blank(shape, job.blank) for shape in shapes)
    each = images // max(len(shapes), 1)
    if not (
        kept.get("images") == images
        and whole
        and each * sum(map(math.prod, shapes)) == about["bytes"]
        and bad.keys() <= unreadable
        and "bad" in kept
    ):
        raise cache.DamagedError("its description is of other images")


def _fits_blank(shape: Sequence[int], blank: Sequence[int]) -> bool:
    """Whether a stored shape is possible; 0 in `blank` stands for any size."""
    return len(shape) == len(blank) and all(b in (0, s) for s, b in zip(shape, blank, strict=True))


def pack(job: Job, sink: _Sink) -> tuple[list[tuple[int, ...]], dict[int, str]]:
    """Write the pixels of all images in order; their shapes, and the unreadable ones."""
    shapes, bad = [], {}

    def attempt(index: int) -> Pixels | BadImageError:
        try:
            return job.load(index)
        except BadImageError as error:
            return error

    loaded = prefetch(groups(len(job.samples)), attempt, job.workers)
    for index, result in enumerate(image for group in loaded for image in group):
        if isinstance(result, BadImageError):
            bad[index] = str(result)
        pixels = np.zeros(job.blank, np.uint8) if isinstance(result, BadImageError) else result
        sink.write(np.ascontiguousarray(pixels).reshape(-1).data)
        shapes.append(pixels.shape)
    return shapes, bad


def _digests(job: Job) -> list[bytes]:
    samples = job.samples

    def digest_all(indices: range) -> list[bytes]:  # one file is too little work for a task
        return [samples.digest(index) for index in indices]

    batches = prefetch(([indices] for indices in groups(len(samples))), digest_all, job.workers)
    return [digest for batch in batches for group in batch for digest in group]


def _key(digests: list[bytes], how: Mapping[str, Any]) -> str:
    """The name of the file with exactly these pixels and exactly these unreadable images."""
    key = hashlib.sha256(json.dumps([how, _made_by()], sort_keys=True).encode())
    key.update(b"".join(digests))
    return key.hexdigest()


def _made_by() -> list[Any]:
    """What pixels depend on besides the files.

    The versions of the decoders and the CPU capability, since either can change the rounding, and the
    limits on images, which decide what is unreadable.
    """
    return [
        cache.FORMAT, PIL.__version__, simplejpeg.__version__, decoders(), limits(),
        torch.__version__, torch.backends.cpu.get_cpu_capability(),
    ]  # fmt: skip


def _is_temporary(error: BadImageError) -> bool:
    """Whether reading an image failed because of the machine, so that it may succeed next time.

    A limit of time that was exceeded (`TimeoutError` as the cause) is such a failure too.
    """
    cause = error.__cause__
    return isinstance(cause, MemoryError | TimeoutError) or (
        isinstance(cause, OSError) and cause.errno is not None
    )
