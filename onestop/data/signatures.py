"""Keys of files that were read before, so that unchanged files need not be read again.

For each file the cache has a signature (inode, size, time of the last change of its content and of its
entry) and its key. A file whose signature is the same has the same content: whoever writes to it cannot
set the time of the last change of the entry. A file that was changed within two seconds before it was
read is not kept, since a second change within the resolution of the clock would go unnoticed (the
"racy" files of git, https://git-scm.com/docs/racy-git).

Layout: 16 magic bytes, SHA-256 of the rest, then the rows of a table: hash of the path, inode, size,
two times, key; 8 bytes each, little-endian. A damaged file is ignored, and written again.

Legend: N files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from onestop.data import cache_file as cache
from onestop.data.digests import UNREADABLE, Keys
from onestop.data.prefetch import groups, prefetch
from onestop.errors import OneStopError
from onestop.runtime.files import write_atomic

_MAGIC = b"onestop digest\0\1"
_COLUMNS = 6
_RACY = 2 * 10**9  # nanoseconds
_FILES, _BYTES = 1000, 2**26  # fewer are read again as fast

Table = NDArray[np.uint64]
"""[N, 6]: hash of the path, inode, size, two times, key."""


class Signatures:
    """The signatures of some files now, and the table that has their keys.

    Attributes:
        table: [N, 6]; the keys of files that cannot be accessed are 0, those of others not known yet.
    """

    def __init__(self, paths: Sequence[str], workers: int) -> None:
        """`paths` are absolute, one per file."""

        def rows(indices: range) -> list[tuple[int, ...]]:  # one file is too little for a task
            return [_row(paths[index]) for index in indices]

        parts = prefetch(([part] for part in groups(len(paths), 1024)), rows, workers)
        self.table = np.array([row for [part] in parts for row in part], np.uint64)
        self.table = self.table.reshape(len(paths), _COLUMNS)
        self._name = hashlib.sha256(_common(paths).encode(errors="surrogateescape")).hexdigest()

    @property
    def pays(self) -> bool:
        """Whether reading the files takes long enough to keep a table."""
        if sys.platform == "win32":  # which does not say when an entry was changed
            return False
        return len(self.table) >= _FILES or int(self.table[:, 2].sum()) >= _BYTES

    def keys(self) -> Keys:
        """The key of each file that has not changed since it was read, [N]; 0 for the others."""
        stored = self._stored()
        if not len(stored):
            return np.zeros(len(self.table), np.uint64)
        stored = stored[np.argsort(stored[:, 0])]
        at = np.searchsorted(stored[:, 0], self.table[:, 0]).clip(max=len(stored) - 1)
        same = (stored[at, :-1] == self.table[:, :-1]).all(1)
        return np.where(same, stored[at, -1], np.uint64(0))

    def keep(self, keys: Keys, begun: int) -> None:
        """Store the keys of files read since a time, without those that had just been changed.

        Failing to write costs time later, and nothing else.

        Args:
            keys: [N]; those of unknown files are 0.
            begun: In nanoseconds since 1970; no file was read before.
        """
        settled = (self.table[:, 3:5] < np.uint64(max(0, begun - _RACY))).all(1)
        kept = settled & (keys > UNREADABLE) & (self.table[:, 2] > 0)
        rows = self.table[kept]
        rows[:, -1] = keys[kept]
        content = rows.astype("<u8").tobytes()
        with contextlib.suppress(OSError, OneStopError, RuntimeError):
            folder = cache.cache_folder()
            folder.mkdir(parents=True, exist_ok=True)
            if cache.make_room(folder, len(content)) is not None:
                digest = hashlib.sha256(content).digest()
                write_atomic(folder / f"{self._name}.digests", _MAGIC + digest + content)

    def _stored(self) -> Table:
        try:
            path = cache.cache_folder() / f"{self._name}.digests"
            if not stat.S_ISREG(path.lstat().st_mode):
                raise OSError
            data = path.read_bytes()
            os.utime(path)  # the least recently used files are removed first
        except (OSError, RuntimeError):
            return np.empty((0, _COLUMNS), np.uint64)
        begin, content = len(_MAGIC) + 32, data[len(_MAGIC) + 32 :]
        digest = hashlib.sha256(content).digest()
        if data[:begin] != _MAGIC + digest or len(content) % (8 * _COLUMNS):
            return np.empty((0, _COLUMNS), np.uint64)
        return np.frombuffer(content, "<u8").astype(np.uint64).reshape(-1, _COLUMNS)


def _row(path: str) -> tuple[int, ...]:
    """The signature of a file, with zeros if it is not there or not a file."""
    name = hashlib.blake2b(path.encode(errors="surrogateescape"), digest_size=8).digest()
    number = int.from_bytes(name, "little")
    try:
        status = os.stat(path)  # noqa: PTH116 - a million times
    except (OSError, ValueError):
        return number, 0, 0, 0, 0, 0
    if not stat.S_ISREG(status.st_mode):
        return number, 0, 0, 0, 0, 0
    changed = (max(0, status.st_mtime_ns), max(0, status.st_ctime_ns))
    return number, status.st_ino % 2**64, status.st_size, *changed, 0


def _common(paths: Sequence[str]) -> str:
    """The folder that the first and the last files have in common: one table per data set."""
    try:
        return os.path.commonpath([paths[0], paths[-1]])
    except (ValueError, IndexError):
        return ""
