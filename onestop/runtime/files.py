"""Writing files where somebody else may have prepared something, such as in a run folder.

Writing is atomic and durable: a file is complete or absent, even after a power cut. It never goes
through a link, and temporary names cannot be foreseen. `onestop/reading.py` is the other half.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from onestop.errors import UsageError, WriteError
from onestop.reading import NO_WAITING, read_regular

Kind: TypeAlias = Literal["nothing", "file", "folder", "link", "pipe or device"]

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has none


def kind_of(path: Path) -> Kind:
    """What is at a path, without following a link.

    Raises:
        OSError: It cannot be known.
    """
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "pipe or device"


def is_single(path: Path) -> bool:
    """Whether a path is free, or a regular file with this name only; not a link, a pipe or a folder."""
    try:
        return (kind := kind_of(path)) == "nothing" or (
            kind == "file" and os.lstat(path).st_nlink == 1
        )
    except OSError:
        return True  # nothing is known of it; opening it says why


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file completely or not at all, even if the power fails.

    Written under a temporary name in the same folder, flushed to disk, then renamed. A link at `path`
    is replaced, and what it leads to is left alone.

    Raises:
        WriteError: The disk is full or cannot be written; an existing file is untouched.
    """
    content = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:  # "x": neither an existing file nor through a link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        if not isinstance(error, FileExistsError):
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error


def open_log(path: Path) -> TextIO:
    """Open a text file to append to; neither through a link nor into a file with a second name.

    Raises:
        OSError: It cannot be opened, or is not a regular file with a single name.
    """

    def opener(name: str, flags: int) -> int:
        handle = os.open(name, flags | _NO_LINK | NO_WAITING, 0o666)
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return handle
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a file of its own", name)

    return open(path, "a", encoding="utf-8", errors="backslashreplace", opener=opener)


def unshare(path: Path, most: int) -> None:
    """Give a file with several names (hard links) its own copy, so that appending changes no other.

    Raises:
        WriteError: It cannot be copied, or has more than `most` bytes.
    """
    if kind_of(path) == "file" and os.lstat(path).st_nlink > 1:
        try:
            content = read_regular(path, most)
        except OSError as error:
            raise WriteError(f"{path}: {error.strerror}, and has other names; copy it") from None
        write_atomic(path, content)


def make_folder(folder: Path) -> None:
    """Create a folder that survives a power cut, if it does not exist.

    Raises:
        WriteError: It cannot be created, or is a link.
    """
    try:
        if (kind := kind_of(folder)) == "nothing":
            folder.mkdir()
            flush_folder(folder.parent)
        elif kind != "folder":
            raise WriteError(
                f"{folder}: is a {kind}, not a folder; remove it, or put a folder there"
            )
    except OSError as error:
        raise WriteError(f"{folder}: cannot be created ({error.strerror})") from error


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to disk (needed after a rename; POSIX only)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def home() -> Path:
    """The user's home folder.

    Raises:
        UsageError: There is none, as for a user without a name where HOME is not set.
    """
    try:
        return Path.home()
    except RuntimeError:
        raise UsageError(
            "this user has no home folder; set HOME, or name folders with XDG_CACHE_HOME, "
            "ONESTOP_CACHE and ONESTOP_DATA"
        ) from None


def new_folder(flag: str, path: str | Path) -> Path:
    """A folder that is created now, so that nothing there is overwritten.

    Args:
        flag: That names it.
        path: Its path.

    Raises:
        UsageError: There is something, or it cannot be created.
    """
    folder = Path(path)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{flag} {path}: is there already; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{flag} {path}: {error.strerror}; name a folder you may write") from None
    return folder


def new_file(flag: str, path: str | Path, suffix: str) -> Path:
    """A file that is not there yet, in a folder that is.

    Raises:
        UsageError: It is there, has another suffix, or there is no such folder.
    """
    file = Path(path)
    if file.suffix.lower() != suffix:
        raise UsageError(f"{flag} {path}: must end in {suffix}")
    if file.exists() or file.is_symlink():
        raise UsageError(f"{flag} {path}: is there already; name a new file")
    if not file.parent.is_dir():
        raise UsageError(f"{flag} {path}: no folder {file.parent}; create it first")
    return file
