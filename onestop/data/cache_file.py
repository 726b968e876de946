"""Cache files of decoded images, reused by later runs.

A file is only used if it is complete and matches the images exactly: its name is a hash of everything
its pixels depend on (listed in `onestop/data/decoded.py`), and it ends with a description that contains
a checksum of every part. It contains no code and nothing that could be executed.

Layout: the pixels as bytes; a description as JSON; then 56 bytes: SHA-256 of the description, its
length (8 bytes, little-endian) and 16 magic bytes. The description comes last because unreadable images
are only known then; a truncated file has none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from onestop.errors import UsageError
from onestop.images.forms import expanded
from onestop.images.time_limit import Threads
from onestop.reading import open_regular, parse_json
from onestop.runtime.checked import Count, parts
from onestop.runtime.files import flush_folder, home
from onestop.runtime.json_text import json_text

if sys.platform != "win32":
    import fcntl

FORMAT = 1
"""Incremented whenever the stored pixels of the same images would change; part of every key."""
MOST_BYTES = 20 * 10**9
"""Limit on the total size of all files: 20 GB, or a tenth of the free space if that is less."""

_MAGIC = b"onestop images\0\1"
_TRAILER = struct.Struct("<32sQ16s")
_PART = 2**24  # bytes per checksum, so that threads can check parts in parallel
_OURS = re.compile(r"[0-9a-f]{64}\.(?:images|digests)|\.[0-9a-f]{64}\.[0-9a-z.]{1,40}\.tmp")
_KINDS = {"key": str, "bytes": Count, "sha256": list[str]}  # what every description has


class DamagedError(Exception):
    """A cache file that differs from what was written.

    Not a `OneStopError`: it never reaches the user, since the file is removed and rewritten.
    """


@dataclass(frozen=True)
class Stored:
    """The memory-mapped pixels of a cache file, and its description.

    Attributes:
        pixels: Flat bytes, mapped copy-on-write: changes are not written to disk.
        about: The description: `source`, `split`, `images`, `prepared`, `bad`, ...
    """

    pixels: NDArray[np.uint8]
    about: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A cache file as listed by `onestop info --cache`; `about` is None if it is damaged."""

    path: Path
    size: int
    used: float
    about: dict[str, Any] | None


def user_cache() -> Path:
    """OneStop's folder in the user's cache, for files that can be recreated."""
    cache = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(cache) if cache else home() / ".cache") / "onestop"


def cache_folder() -> Path:
    """The folder of decoded images: ONESTOP_CACHE, or a folder in the user's cache."""
    folder = os.environ.get("ONESTOP_CACHE")
    return expanded(folder) if folder else user_cache() / "images"


def limit(folder: Path) -> int:
    """Maximum total size of all files in bytes: ONESTOP_CACHE_GB, or at most `MOST_BYTES`.

    Raises:
        UsageError: ONESTOP_CACHE_GB is not a number.
    """
    gigabytes = os.environ.get("ONESTOP_CACHE_GB")
    if gigabytes:
        try:
            return max(0, int(float(gigabytes) * 10**9))
        except (ValueError, OverflowError):
            raise UsageError(
                f"ONESTOP_CACHE_GB {gigabytes}: is not a number of gigabytes"
            ) from None
    existing = next((p for p in (folder, *folder.parents) if p.exists()), Path())
    used = sum(size for _, size, _ in _files(folder))
    return min(MOST_BYTES, (shutil.disk_usage(existing).free + used) // 10)


def entries(folder: Path) -> list[Entry]:
    """The cache files, most recently used first, without reading their pixels."""
    listed = []
    for path, size, used in _files(folder):
        if path.suffix == ".images":
            try:
                with open_regular(path) as file:
                    about = _description(file, path)
            except (OSError, DamagedError):
                about = None
            listed.append(Entry(path, size, used, about))
    return sorted(listed, key=lambda entry: -entry.used)


def clear(folder: Path) -> tuple[int, int]:
    """Remove all cache files that are not in use; the numbers of removed and remaining files.

    Other files in the folder are not touched.
    """
    removed = [remove(path) for path, _, _ in _files(folder)]
    return sum(removed), len(removed) - sum(removed)


def make_room(folder: Path, size: int) -> int | None:
    """Remove the least recently used files until `size` more bytes fit under the limit.

    Returns:
        How many were removed; None if `size` bytes cannot be made to fit.
    """
    most, files = limit(folder), sorted(_files(folder), key=lambda file: file[2])
    used, removed = sum(size for _, size, _ in files), 0
    if size > most:
        return None
    for path, freed, _ in files:
        if used + size <= most:
            break
        if remove(path):
            used, removed = used - freed, removed + 1
    return removed if used + size <= most else None


def remove(path: Path) -> bool:
    """Remove a file unless a process is reading or writing it; whether it was removed."""
    try:
        with open_regular(path) as file:
            if not _lock(file, exclusive=True):
                return False
        path.unlink()
    except OSError:  # Windows does not remove files in use
        return False
    return True


def open_stored(path: Path, workers: int = 1, *, check: bool = True) -> Stored | None:
    """Map a cache file into memory; None if there is none.

    Every byte is read once and its checksum compared, which is much faster than decoding and brings
    the file into the page cache, where it is needed next anyway.

    Args:
        path: `<key>.images`.
        workers: Threads that check it.
        check: Whether to compare checksums; unnecessary right after writing.

    Raises:
        DamagedError: The file differs from what was written.
    """
    try:
        with open_regular(path) as file:
            _lock(file, exclusive=False)  # held as long as the file is mapped
            about = _description(file, path)
            if check:
                _check(path, about, workers)
            pixels = np.empty(0, np.uint8)
            if about["bytes"]:  # an empty range cannot be mapped
                pixels = np.asarray(np.memmap(file, np.uint8, "c", shape=(about["bytes"],)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # records the last use; many file systems do not update the access time
    return Stored(pixels, about)


class Writer:
    """Writes a cache file under a temporary name and renames it once it is complete.

    Two processes may write the same file: each writes its own copy with the same content.
    """

    def __init__(self, folder: Path, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.key = folder / f"{key}.images", key
        self._temporary = folder / f".{key}.{secrets.token_hex(4)}.tmp"
        self._file = self._temporary.open("xb")
        _lock(self._file, exclusive=False)
        self._digests: list[str] = []
        self._part, self._room, self._size = hashlib.sha256(), _PART, 0

    def __enter__(self) -> Writer:
        return self

    def write(self, data: memoryview) -> None:
        """Append pixels."""
        self._size += len(data)
        self._file.write(data)
        while data:
            self._part.update(data[: self._room])
            data, self._room = data[self._room :], max(0, self._room - len(data))
            if not self._room:
                self._end_part()

    def finish(self, about: dict[str, Any]) -> Path:
        """Append the description, flush to disk and rename the file to its final name."""
        self._end_part()
        description = {**about, "key": self.key, "bytes": self._size, "sha256": self._digests}
        text = json_text(description, ascii_only=True).encode()
        self._file.write(text + _TRAILER.pack(hashlib.sha256(text).digest(), len(text), _MAGIC))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()  # Windows does not rename open files
        self._temporary.replace(self.path)
        flush_folder(self.path.parent)
        return self.path

    def _end_part(self) -> None:
        self._digests.append(self._part.hexdigest())
        self._part, self._room = hashlib.sha256(), _PART

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # closing flushes again, which fails on a full disk
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Path, size and time of last use of every cache file, including unfinished ones."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        if _OURS.fullmatch(path.name):
            with contextlib.suppress(OSError):  # removed by another process in the meantime
                status = path.stat()
                yield path, status.st_size, status.st_mtime


def _description(file: IO[bytes], path: Path) -> dict[str, Any]:
    size = file.seek(0, os.SEEK_END)
    if size < _TRAILER.size:
        raise DamagedError("truncated")
    file.seek(size - _TRAILER.size)
    digest, length, magic = _TRAILER.unpack(file.read(_TRAILER.size))
    if magic != _MAGIC or length > size - _TRAILER.size:
        raise DamagedError("truncated")
    file.seek(size - _TRAILER.size - length)
    text = file.read(length)
    if hashlib.sha256(text).digest() != digest:
        raise DamagedError("its description has changed")
    about = _parsed(text)
    if about["key"] != path.stem or about["bytes"] + length + _TRAILER.size != size:
        raise DamagedError("its content does not match its name")
    if len(about["sha256"]) != about["bytes"] // _PART + 1:
        raise DamagedError("parts of it have no checksum")
    return about


def _parsed(text: bytes) -> dict[str, Any]:
    """The description; anybody who may write here can give it a checksum, so its types are checked."""
    try:
        values = parse_json(text.decode("ascii"))
    except ValueError:
        raise DamagedError("its description is not JSON") from None
    about, wrong = parts(values, _KINDS)
    if wrong or _KINDS.keys() - about.keys():
        raise DamagedError("its description is not that of a cache file")
    return about


def _check(path: Path, about: dict[str, Any], workers: int) -> None:
    def intact(number: int) -> bool:
        # Read rather than mapped: a read error must raise an exception, not kill the process.
        with path.open("rb") as file:
            file.seek(number * _PART)
            part = file.read(min(_PART, about["bytes"] - number * _PART))
        return hashlib.sha256(part).hexdigest() == str(about["sha256"][number])

    threads: Threads[int, bool] = Threads(max(1, workers), "onestop-data")
    try:
        futures = [threads.submit(intact, number) for number in range(len(about["sha256"]))]
        if not all(map(threads.result, futures)):
            raise DamagedError("its pixels have changed")
    finally:
        threads.close()


def _lock(file: IO[bytes], *, exclusive: bool) -> bool:
    """Lock an open file, shared while in use or exclusive to remove it; a mapping keeps the lock."""
    if sys.platform == "win32":
        return True  # Windows does not remove files in use
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
