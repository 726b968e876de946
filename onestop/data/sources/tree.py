"""A tree of folders as its layout is judged by: names of folders and images, listed when asked for."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeAlias

from onestop.data.sources.scan import require_enterable
from onestop.images.formats import SUFFIXES
from onestop.images.sniff import is_image

# Leftovers of file managers and archives; skipped silently.
_LITTER = frozenset(("thumbs.db", "desktop.ini", "__macosx", "$recycle.bin"))


class Entries(NamedTuple):
    """What is directly in a folder, sorted; without what is ignored."""

    folders: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


List: TypeAlias = Callable[[PurePath], Entries]
"""Lists a folder by its path below the source; empty if it may not be read."""


@dataclass(frozen=True)
class Tree:
    """A folder of a source.

    Attributes:
        path: Below the source's folder; `.` is that itself.
        list: Lists a folder.
    """

    path: PurePath
    list: List

    @classmethod
    def of(cls, folders: Mapping[str, Any]) -> Tree:
        """A tree that is written down: a mapping for a folder, anything else for a file."""

        def entries(path: PurePath) -> Entries:
            here: Any = folders
            for part in path.parts:
                here = here[part]
            inner = [name for name, entry in here.items() if isinstance(entry, Mapping)]
            files = [name for name in here if name not in inner]
            images = [name for name in files if Path(name).suffix.lower() in (*SUFFIXES, "")]
            others = sorted(set(files) - set(images))
            return Entries(tuple(sorted(inner)), tuple(sorted(images)), tuple(others))

        return cls(PurePath(), entries)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.name

    @functools.cached_property
    def folders(self) -> tuple[Tree, ...]:
        """The folders in it, sorted by name."""
        return tuple(Tree(self.path / name, self.list) for name in self._entries.folders)

    @property
    def images(self) -> tuple[str, ...]:
        """The names of the images directly in it."""
        return self._entries.images

    @property
    def others(self) -> tuple[str, ...]:
        """The names of the files directly in it that are not images."""
        return self._entries.others

    @functools.cached_property
    def holds(self) -> bool:
        """Whether there is an image in it or below."""
        return bool(self.images) or any(folder.holds for folder in self.folders)

    @property
    def deep(self) -> bool:
        """Whether there are images in the folders in it."""
        return any(folder.holds for folder in self.folders)

    @functools.cached_property
    def _entries(self) -> Entries:
        return self.list(self.path)


def tree_below(root: Path) -> Tree:
    """The tree of a folder on disk.

    Links are followed, but not into a folder that contains them.
    """

    def entries(path: PurePath) -> Entries:
        try:
            return _entries_of(root, path)
        except OSError:  # reading says so later
            return Entries()

    return Tree(PurePath(), entries)


def ignored(name: str) -> bool:
    """Whether a file or folder of this name is passed over in silence."""
    return name.startswith(".") or name.lower() in _LITTER


def identity(folder: str | Path) -> tuple[int, int]:
    """What tells a folder from others, whatever link leads to it."""
    status = Path(folder).stat()
    return status.st_dev, status.st_ino


def _entries_of(root: Path, path: PurePath) -> Entries:
    folders, images, others = [], [], []
    require_enterable(str(root / path), len(path.parts))
    above = {identity(root / parent) for parent in (path, *path.parents)}
    with os.scandir(root / path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if ignored(entry.name):
                continue
            if entry.is_dir():
                if not entry.is_symlink() or identity(entry.path) not in above:
                    folders.append(entry.name)
            elif _seems_an_image(entry):
                images.append(entry.name)
            else:
                others.append(entry.name)
    return Entries(tuple(folders), tuple(images), tuple(others))


def _seems_an_image(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() in SUFFIXES:  # noqa: PTH122 - a million times
        return True
    try:
        return is_image(Path(entry.path))
    except OSError:
        return False
