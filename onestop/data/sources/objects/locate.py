"""Where the image of an annotation is: names are written on other machines, with other folders."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from onestop.data.names import nfc
from onestop.data.sources.scan import walked
from onestop.data.sources.tree import ignored
from onestop.images.formats import SUFFIXES
from onestop.images.sniff import is_image


class Images:
    """The image files below a folder, by name.

    Attributes:
        root: The folder; paths are relative to it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, name: str, near: Sequence[str] = ("",)) -> str | None:
        """The path of an image by the name that an annotation gives it.

        As it is written, in each of the folders `near`; then its last parts anywhere below the root,
        the longest that only one image has (an absolute path of another machine ends alike).

        Args:
            name: With slashes or backslashes, with or without folders.
            near: Folders below the root.
        """
        parts = _parts(name)
        if not parts:
            return None
        for folder in near:
            path = os.path.normpath(os.path.join(folder, *parts))  # noqa: PTH118
            if not _is_absolute(name) and (self.root / path).is_file():
                return path
        if _is_absolute(name) and Path(name).is_file():
            return name
        return self._by_end(parts, near)

    def find_stem(self, stem: str, near: Sequence[str]) -> str | None:
        """The image of a stem in one of some folders, whatever its suffix."""
        for folder in near:
            if there := self.stems(folder).get(nfc(stem)):
                return there
        return None

    @functools.cache  # noqa: B019 - an object lives as long as a source is read
    def stems(self, folder: str) -> dict[str, str]:
        """The images directly in a folder by their stem."""
        return {nfc(Path(path).stem): path for path in self.images(folder)}

    @functools.cache  # noqa: B019
    def images(self, folder: str) -> tuple[str, ...]:
        """The paths of the images directly in a folder, sorted."""
        try:
            with os.scandir(self.root / folder) as entries:
                names = sorted(e.name for e in entries if not ignored(e.name) and e.is_file())
        except OSError:
            return ()
        here = [os.path.normpath(os.path.join(folder, name)) for name in names]  # noqa: PTH118
        return tuple(path for path in here if is_picture(self.root / path))

    def _by_end(self, parts: Sequence[str], near: Sequence[str]) -> str | None:
        same = self._index.get(nfc(parts[-1]).lower(), ())
        for length in range(len(parts), 0, -1):
            end = tuple(nfc(part).lower() for part in parts[-length:])
            those = [path for path in same if _parts(nfc(path).lower())[-length:] == end]
            close = [path for path in those if os.path.dirname(path) in near]  # noqa: PTH120
            if len(those) == 1 or len(close) == 1:
                return (those if len(those) == 1 else close)[0]
            if those:
                return None  # several are called so
        return None

    @functools.cached_property
    def _index(self) -> dict[str, list[str]]:
        """All images below the root by their name in lower case."""
        index: dict[str, list[str]] = {}
        for path in self._below():
            index.setdefault(nfc(Path(path).name).lower(), []).append(path)
        return index

    def _below(self) -> Iterator[str]:
        seen: set[tuple[int, int]] = set()
        for place, folders, files in walked(self.root, lambda _: None):
            status = Path(place).stat()
            if (key := (status.st_dev, status.st_ino)) in seen:
                folders.clear()
                continue
            seen.add(key)
            folders[:] = sorted(name for name in folders if not ignored(name))
            for name in sorted(files):
                if Path(name).suffix.lower() in SUFFIXES and not ignored(name):
                    yield os.path.relpath(os.path.join(place, name), self.root)  # noqa: PTH118


def is_picture(path: Path) -> bool:
    """Whether a file is an image, by its suffix or else by its first bytes."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        return not path.suffix and is_image(path)
    except OSError:
        return False


def outside(paths: Iterable[str]) -> list[str]:
    """Those of some paths that lead out of the source's folder."""
    return [p for p in paths if os.path.isabs(p) or os.path.normpath(p).startswith("..")]  # noqa: PTH117


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\")) or bool(PureWindowsPath(name).drive)


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a path written on any system, without a drive or `.`; with `..` as it is."""
    name = name.strip().removeprefix("file://")
    windows = PureWindowsPath(name)
    parts = windows.parts if windows.drive or "\\" in name else PurePosixPath(name).parts
    return tuple(p for p in parts if p not in ("/", "\\", ".", windows.anchor, windows.drive))
