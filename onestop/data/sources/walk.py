"""Walking through the folders of a source: images, skipped files, links that lead outside."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath

from onestop.data.dataset import Skipped
from onestop.data.sources.annotations import masks_among
from onestop.data.sources.scan import require_own_files, walked
from onestop.data.sources.tree import identity, ignored
from onestop.images.formats import SUFFIXES
from onestop.images.header import is_still
from onestop.images.sniff import format_of
from onestop.text import listing

_UNSUPPORTED = (".jxl", ".jp2", ".psd", ".svg")
_RAW = (
    ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw",
)  # fmt: skip


class Walk:
    """Finds images below `root`, and records skipped files and links that lead outside.

    Attributes:
        skipped: Files that are not used.
        closed: Folders that may not be read.
        split: The split being read.
    """

    def __init__(
        self, root: Path, *, labelled: bool = False, without: Collection[PurePath] = ()
    ) -> None:
        """`labelled` leaves out masks beside their images, and `without` folders below the root."""
        self.root = root
        self.skipped: list[Skipped] = []
        self.closed: list[str] = []
        self.split = ""
        self._labelled = labelled
        self._without = {os.path.join(root, path) for path in without}  # noqa: PTH118
        self._inside = os.path.realpath(root)
        self._outside: list[str] = []
        self._masks: list[str] = []

    def images(self, folder: Path) -> Iterator[str]:
        """Sorted paths below `folder`, relative to `root`; follows links, visits each folder once."""
        # A link to a parent folder would lead into the folders of the other classes.
        seen = {identity(place) for place in (self.root, folder.parent) if place != folder}
        self._note_link(str(folder))
        for place, folders, files in walked(folder, self._refuse):
            if identity(place) in seen:
                folders.clear()
                continue
            seen.add(identity(place))
            folders[:] = sorted(name for name in folders if self._is_read(place, name))
            for name in folders:
                self._note_link(os.path.join(place, name))  # noqa: PTH118 - a million times
            yield from self._files(place, sorted(name for name in files if not ignored(name)))

    def skip_loose(self, folder: Path, names: Collection[str]) -> None:
        """Skip images that lie in `folder`, next to its class folders."""
        for name in sorted(names):
            self._skip(str(folder / name), "not in a class folder, so it has no class")

    def notes(self) -> list[str]:
        """Notes on the files that are used."""
        notes = []
        if self._outside:
            single = len(self._outside) == 1
            links = "a link points" if single else f"{len(self._outside)} links point"
            followed = "is followed" if single else "are followed"
            notes.append(f"{links} outside {self.root} and {followed}: {listing(self._outside, 3)}")
        if self._masks:
            count, files = len(self._masks), listing(self._masks, 2)
            notes.append(f"{count:,} masks or labels beside their images are not used: {files}")
        return notes

    def _is_read(self, place: str, name: str) -> bool:
        return not ignored(name) and os.path.join(place, name) not in self._without  # noqa: PTH118

    def _files(self, place: str, names: list[str]) -> Iterator[str]:
        photographs = {Path(name).suffix.lower() for name in names} & SUFFIXES - {".gif"}
        masks = masks_among(names) if self._labelled else set()
        for name in names:
            full = os.path.join(place, name)  # noqa: PTH118
            suffix = Path(name).suffix.lower()
            if name in masks:
                self._masks.append(os.path.relpath(full, self.root))
            elif suffix not in SUFFIXES and (reason := _why_not(full, suffix)):
                self._skip(full, reason)
            elif suffix == ".gif" and photographs and is_still(full):
                self._skip(full, "a still GIF among photographs; convert it to PNG to use it")
            else:
                self._note_link(full)
                yield os.path.relpath(full, self.root)

    def _skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(os.path.relpath(path, self.root), reason, self.split))

    def _note_link(self, path: str) -> None:
        if not os.path.islink(path):  # noqa: PTH114
            return
        target = os.path.realpath(path)
        if os.path.commonpath([target, self._inside]) != self._inside:
            self._outside.append(os.path.relpath(path, self.root))

    def _refuse(self, error: OSError) -> None:
        self.closed.append(error.filename)
        self._skip(error.filename, error.strerror or "no access")


def _why_not(path: str, suffix: str) -> str:
    """Why a file without the suffix of an image is none; empty if its content is one."""
    try:
        if format_of(Path(path)):
            return ""
    except OSError as error:
        return error.strerror or "no access"
    if suffix in _UNSUPPORTED or suffix in _RAW:
        return f"{suffix} is not supported; convert it to PNG or JPEG"
    return f"{suffix} is not an image" if suffix else "not an image"


def images_below(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """All images below a folder, for prediction; class folders are not required."""
    require_own_files(folder)
    walk = Walk(folder)
    return [folder / path for path in walk.images(folder)], walk.skipped
