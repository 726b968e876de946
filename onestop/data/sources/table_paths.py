"""From the cell of a table to the file it means.

Tables come from other machines and other people: names without a suffix, paths of Windows, accents in
another encoding. Nothing is guessed across folders: a setting that would help is named instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onestop.data.names import nfc
from onestop.images.formats import SUFFIXES
from onestop.text import listing

_MOST_FOLDERS = 50  # beside a table, in which a missing file is looked for


@dataclass(frozen=True)
class ImagePaths:
    """Where the files are that a table names.

    Attributes:
        base: The table's folder.
        folder: In which the names start; the table's if empty. Below `base`, or absolute.
        suffix: That the names lack.
    """

    base: Path
    folder: str = ""
    suffix: str = ""

    def find(self, cell: str) -> str | None:
        """The path of a cell's file below `base` (or absolute); None if there is no such file.

        The cell as it is comes first; then with slashes for backslashes, and names that are the same
        in another encoding.
        """
        for name in dict.fromkeys((cell, cell.replace("\\", "/"))):
            for path in self._spelled(name):
                if (self.base / path).is_file():
                    return path
        return None

    def hint(self, cell: str) -> str:
        """The settings with which the file of a cell would be found, as half a sentence; or nothing."""
        name = cell.replace("\\", "/")
        for suffix in _suffixes(name):
            if there := self._folders_with(name + suffix):
                return f"; {_are_there(there, name + suffix)}: {self._flags(there, suffix)}"
        short = Path(name).name
        there = self._folders_with(short) if short != name else []
        return f"; {_are_there(there, short)}" if there else ""

    def starts_at(self) -> Path:
        """The folder in which the names start."""
        return self.base / self.folder

    def _spelled(self, name: str) -> Iterable[str]:
        path = os.path.join(self.folder, name) if self.folder else name  # noqa: PTH118
        if self.suffix and not name.lower().endswith(self.suffix.lower()):
            yield path + self.suffix
        yield path
        if not name.isascii():
            whole = path + self.suffix if self.suffix and not name.endswith(self.suffix) else path
            if there := _same_name(self.base, whole):
                yield there

    def _folders_with(self, name: str) -> list[str]:
        """The folders near the table that hold a file."""
        inner = _folders(self.starts_at()) if self.folder else []
        near = ["", *_folders(self.base), *(os.path.join(self.folder, f) for f in inner)]  # noqa: PTH118
        there = [folder for folder in near if (self.base / folder / name).is_file()]
        return [""] if "" in there and not self.folder else there

    def _flags(self, folders: Sequence[str], suffix: str) -> str:
        """The flags that set the folder and the suffix."""
        named = [folder or "." for folder in folders if folder or self.folder]
        flags = [f"--image-root {' or '.join(named)}"] if named else []
        return " ".join([*flags, *([f"--suffix {suffix}"] if suffix else [])])


def find_path(path: Path) -> Path:
    """A path as it is on disk: its names may be there in another encoding."""
    if os.path.lexists(path) or str(path).isascii():
        return path
    base = Path(path.anchor) if path.is_absolute() else Path()
    there = _same_name(base, str(path.relative_to(path.anchor) if path.is_absolute() else path))
    return base / there if there else path


def _same_name(base: Path, path: str) -> str:
    """A path below `base` with the names of `path` as people read them; empty if there is none."""
    here = base
    for part in Path(path).parts:
        if os.path.lexists(here / part):
            here = here / part
            continue
        try:
            same = [entry for entry in here.iterdir() if nfc(entry.name) == nfc(part)]
        except OSError:
            return ""
        if len(same) != 1:
            return ""
        here = same[0]
    return os.path.relpath(here, base)


def _folders(place: Path) -> list[str]:
    try:
        with os.scandir(place) as entries:
            names = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    except OSError:
        return []
    return sorted(names)[:_MOST_FOLDERS]


def _suffixes(name: str) -> Sequence[str]:
    if Path(name).suffix.lower() in SUFFIXES:
        return ("",)
    usual = (".jpg", ".png", ".jpeg")
    upper = (".JPG", ".PNG", ".JPEG")
    return ("", *usual, *upper, *sorted(SUFFIXES.difference(usual)))


def _are_there(folders: Sequence[str], name: str) -> str:
    paths = [os.path.join(folder, name) for folder in folders]  # noqa: PTH118
    return f"{listing(paths, 3)} {'is' if len(paths) == 1 else 'are'} there"
