"""Files that keep decoded images from one run to the next.

A file is never served unless it is whole and of just these images: its name is a hash of all that
its pixels depend on (`onestop/data/decoded.py` says of what), and it ends with a description that holds
a checksum of every part of it. There is no code in it and nothing that could become code.

Layout: the pixels as bytes; a description as JSON; then 56 bytes: SHA-256 of the description, its
length (8 bytes, little-endian) and 16 bytes that say what this is. The description comes last, since
only then it is known which images could not be read; a file that was cut off has none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from onestop.errors import UsageError
from onestop.runtime.files import flush_folder

if sys.platform != "win32":
    import fcntl

FORMAT = 1
"""Raised whenever other pixels would be stored for the same images; part of every key."""
MOST_BYTES = 20 * 10**9
"""All files together take at most this (20 GB), or a tenth of the free space where that is less."""

_MAGIC = b"onestop images\0\1"
_TRAILER = struct.Struct("<32sQ16s")
_PART = 2**24  # bytes with a checksum of their own, so that threads can share in checking them
_OURS = re.compile(r"[0-9a-f]{64}\.images|\.[0-9a-f]{64}\.[0-9a-f]{8}\.tmp")


class DamagedError(Exception):
    """A file of the cache that is not as it was written.

    Not a `OneStopError`: no caller sees it, since the file is removed and written again.
    """


@dataclass(frozen=True)
class Stored:
    """The pixels of a file, memory-mapped, and what is said of them.

    Attributes:
        pixels: Bytes, one after the other; changing them changes nothing on the disk.
        about: The description: `source`, `split`, `images`, `prepared`, `bad`, ...
    """

    pixels: NDArray[np.uint8]
    about: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A file of the cache as `onestop info --cache` lists it; of a damaged one nothing is known."""

    path: Path
    size: int
    used: float
    about: dict[str, Any] | None


def user_cache() -> Path:
    """The folder below which OneStop may keep what it could also get again."""
    cache = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "onestop"


def cache_folder() -> Path:
    """The folder of decoded images: ONESTOP_CACHE, else one in the user's cache folder."""
    given = os.environ.get("ONESTOP_CACHE")
    return Path(given).expanduser() if given else user_cache() / "images"


def limit(folder: Path) -> int:
    """Bytes that all files together may take: ONESTOP_CACHE_GB, else `MOST_BYTES` or less.

    Raises:
        UsageError: ONESTOP_CACHE_GB is no number.
    """
    given = os.environ.get("ONESTOP_CACHE_GB")
    if given:
        try:
            return max(0, int(float(given) * 10**9))
        except (ValueError, OverflowError):
            raise UsageError(f"ONESTOP_CACHE_GB {given}: is no number of gigabytes") from None
    there = next((p for p in (folder, *folder.parents) if p.exists()), Path())
    held = sum(size for _, size, _ in _files(folder))
    return min(MOST_BYTES, (shutil.disk_usage(there).free + held) // 10)


def entries(folder: Path) -> list[Entry]:
    """The files of the cache, the last used first; their pixels are not looked at."""
    found = []
    for path, size, used in _files(folder):
        if path.suffix == ".images":
            try:
                with path.open("rb") as file:
                    about = _description(file, path)
            except (OSError, DamagedError):
                about = None
            found.append(Entry(path, size, used, about))
    return sorted(found, key=lambda entry: -entry.used)


def clear(folder: Path) -> tuple[int, int]:
    """Remove all files of the cache that nobody uses just now; numbers of removed and left ones.

    Other files in the folder are left alone.
    """
    gone = [remove(path) for path, _, _ in _files(folder)]
    return sum(gone), len(gone) - sum(gone)


def make_room(folder: Path, size: int) -> int | None:
    """Remove the files that were not used for the longest time until `size` more bytes may come.

    Returns:
        How many were removed; None where there is no room for so many bytes.
    """
    most, files = limit(folder), sorted(_files(folder), key=lambda file: file[2])
    held, gone = sum(size for _, size, _ in files), 0
    if size > most:
        return None
    for path, freed, _ in files:
        if held + size <= most:
            break
        if remove(path):
            held, gone = held - freed, gone + 1
    return gone if held + size <= most else None


def remove(path: Path) -> bool:
    """Remove a file unless a process reads or writes it; whether it is gone."""
    try:
        with path.open("rb") as file:
            if not _lock(file, exclusive=True):
                return False
        path.unlink()
    except OSError:  # Windows refuses to remove what is in use
        return False
    return True


def open_stored(path: Path, workers: int = 1, *, check: bool = True) -> Stored | None:
    """Map a file of the cache into memory; None where there is none.

    Every byte is read once and compared with its checksum, which takes far less time than decoding
    and brings the file into the system's memory, where it is wanted next anyway.

    Args:
        path: `<key>.images`.
        workers: Threads that check it.
        check: Whether to; not needed right after writing.

    Raises:
        DamagedError: It is not as it was written.
    """
    try:
        with path.open("rb") as file:
            _lock(file, exclusive=False)  # held as long as the file is mapped
            about = _description(file, path)
            if check:
                _check(path, about, workers)
            pixels = np.empty(0, np.uint8)
            if about["bytes"]:  # nothing cannot be mapped
                pixels = np.asarray(np.memmap(file, np.uint8, "c", shape=(about["bytes"],)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # when it was last used; the access time is often not kept
    return Stored(pixels, about)


class Writer:
    """A file of the cache being written: under another name, and renamed once it is whole.

    Two processes that write the same file do no harm: each writes its own, with the same content.
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
        """Add the bytes of some pixels."""
        self._size += len(data)
        self._file.write(data)
        while data:
            self._part.update(data[: self._room])
            data, self._room = data[self._room :], max(0, self._room - len(data))
            if not self._room:
                self._end_part()

    def finish(self, about: dict[str, Any]) -> Path:
        """Add the description, flush to the disk, and give the file its name."""
        self._end_part()
        said = {**about, "key": self.key, "bytes": self._size, "sha256": self._digests}
        text = json.dumps(said, ensure_ascii=True).encode()
        self._file.write(text + _TRAILER.pack(hashlib.sha256(text).digest(), len(text), _MAGIC))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()  # Windows renames no open file
        self._temporary.replace(self.path)
        flush_folder(self.path.parent)
        return self.path

    def _end_part(self) -> None:
        self._digests.append(self._part.hexdigest())
        self._part, self._room = hashlib.sha256(), _PART

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # closing writes what a full disk did not take
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Path, size and time of last use of each file that is ours, unfinished ones too."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return
    for path in found:
        if _OURS.fullmatch(path.name):
            with contextlib.suppress(OSError):  # removed by another process meanwhile
                status = path.stat()
                yield path, status.st_size, status.st_mtime


def _description(file: IO[bytes], path: Path) -> dict[str, Any]:
    size = file.seek(0, os.SEEK_END)
    if size < _TRAILER.size:
        raise DamagedError("cut off")
    file.seek(size - _TRAILER.size)
    digest, length, magic = _TRAILER.unpack(file.read(_TRAILER.size))
    if magic != _MAGIC or length > size - _TRAILER.size:
        raise DamagedError("cut off")
    file.seek(size - _TRAILER.size - length)
    text = file.read(length)
    if hashlib.sha256(text).digest() != digest:
        raise DamagedError("its description has changed")
    about: dict[str, Any] = json.loads(text)
    if about["key"] != path.stem or int(about["bytes"]) + length + _TRAILER.size != size:
        raise DamagedError("is not what its name says")
    return about


def _check(path: Path, about: dict[str, Any], workers: int) -> None:
    def intact(number: int) -> bool:
        # Read and not mapped: what the disk cannot read must be an error and not end the process.
        with path.open("rb") as file:
            file.seek(number * _PART)
            part = file.read(min(_PART, about["bytes"] - number * _PART))
        return hashlib.sha256(part).hexdigest() == str(about["sha256"][number])

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="onestop-data") as pool:
        if not all(pool.map(intact, range(len(about["sha256"])))):
            raise DamagedError("its pixels have changed")


def _lock(file: IO[bytes], *, exclusive: bool) -> bool:
    """Mark an open file as in use, or see that nobody does; a mapping holds what its file held."""
    if sys.platform == "win32":
        return True  # files in use cannot be removed there
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
