"""Listing all folders below one, within bounds: whatever somebody names as a source by mistake.

The folders that the system itself makes up (`/proc`, `/sys`) are not entered: they lead through links
into every folder of the machine, and reading some of their files never ends.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from onestop.errors import DataError

MOST_ENTRIES = 20_000_000
"""More files and folders are refused; the largest sets of images have 14 million."""
MOST_DEPTH = 100
"""Folders within folders; deeper ones are not entered."""

# File systems without files of anybody's (Linux, /proc/filesystems: `nodev`).
_MADE_UP = frozenset((
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs",
    "selinuxfs", "sysfs", "tracefs",
))  # fmt: skip
_MOUNTS = Path("/proc/self/mountinfo")


def require_own_files(folder: Path) -> None:
    """Refuse a folder that the system makes up.

    Raises:
        DataError: It is one.
    """
    if kind := system_kind(folder):
        raise DataError(f"{folder}: is made up by the system ({kind}); name a folder of images")


def system_kind(folder: str | Path) -> str:
    """The file system of a folder that the system makes up, such as `proc`; empty for others."""
    try:
        return _made_up().get(Path(folder).stat().st_dev, "")
    except OSError:
        return ""


def walked(
    top: str | Path, refuse: Callable[[OSError], None]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Every folder below `top` and itself, with the names of folders and files in it, as `os.walk`.

    Follows links. The caller may sort and shorten the list of folders, which are entered in its order;
    it must leave out those where it was already, or links in a circle are followed to `MOST_DEPTH`.

    Args:
        top: The folder.
        refuse: Called with the error of a folder that is not entered.

    Raises:
        DataError: There are more than `MOST_ENTRIES` files and folders.
    """
    waiting, entries = [(str(top), 0)], 0
    while waiting:
        place, depth = waiting.pop()
        try:
            require_enterable(place, depth)
            folders, files = _listed(place)
        except OSError as error:
            refuse(error)
            continue
        entries += len(folders) + len(files)
        if entries > MOST_ENTRIES:
            raise DataError(
                f"{top}: more than {MOST_ENTRIES:,} files and folders; name a folder of images"
            )
        yield place, folders, files
        waiting += [(os.path.join(place, name), depth + 1) for name in reversed(folders)]  # noqa: PTH118


def require_enterable(place: str, depth: int) -> None:
    """Raise OSError for a folder that the system makes up, or that is deeper than `MOST_DEPTH`."""
    if depth > MOST_DEPTH:
        raise OSError(errno.ELOOP, f"more than {MOST_DEPTH} folders deep", place)
    if kind := system_kind(place):
        raise OSError(errno.EPERM, f"made up by the system ({kind})", place)


def _listed(place: str) -> tuple[list[str], list[str]]:
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(place) as entries:
        for entry in entries:
            (folders if _is_folder(entry) else files).append(entry.name)
    return folders, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


@functools.cache
def _made_up() -> dict[int, str]:
    """The devices of the file systems that are mounted and made up (proc(5), mountinfo)."""
    devices: dict[int, str] = {}
    with contextlib.suppress(OSError):
        for line in _MOUNTS.read_text(errors="replace").splitlines():
            mount, _, source = line.partition(" - ")
            kind = source.split(" ")[0]
            if kind in _MADE_UP:
                major, minor = map(int, mount.split(" ")[2].split(":"))
                devices[os.makedev(major, minor)] = kind
    return devices
