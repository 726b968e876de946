"""Image folders: `root/<class>/*` or `root/train|val|test/<class>/*`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from onestop.data.dataset import Dataset, Skipped
from onestop.data.samples import FileSamples
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.data.sources.scan import require_own_files, walked
from onestop.errors import DataError
from onestop.images.decode import is_still
from onestop.images.formats import SUFFIXES
from onestop.text import listing

SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
# Leftovers of file managers and archives; skipped silently.
_LITTER = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


def open_folder(root: Path, *, for_training: bool = True) -> Dataset:
    """Read the structure of a folder without opening images.

    Classes are the folder names, sorted. Images may be nested deeper in a class folder. Hidden files
    and folders are ignored; other files that are not images are listed in `skipped`. Unless
    `for_training`, a single class is allowed and `train` may be missing.

    Raises:
        DataError: No images, only one class, no folder `train`, or a class missing from `train`.
    """
    require_own_files(root)
    by_split = _split_folders(root)
    if for_training and by_split and "train" not in by_split:
        names = listing(repr(folder.name) for folder in by_split.values())
        raise DataError(f"{root}: has {names} but no folder 'train'; add one, or rename a folder")
    notes = _other_folders(root, by_split)
    by_split = by_split or {"train": root}
    walk = _Walk(root)
    paths: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    for split, folder in by_split.items():
        paths[split], labels[split] = [], []
        walk.split = split
        walk.skip_loose(folder)
        for class_folder in _folders(folder):
            images = list(walk.images(class_folder))
            paths[split] += images
            labels[split] += [class_folder.name] * len(images)
            if not images:
                notes.append(f"{os.path.relpath(class_folder, root)} contains no images")
    first = next(iter(by_split)) if "train" not in by_split else "train"
    if not paths[first]:
        raise DataError(_why_empty(root, by_split[first]))
    empty = [split for split, images in paths.items() if not images]
    notes += [f"split folder {by_split[split].name!r} contains no images" for split in empty]
    labels = {split: names for split, names in labels.items() if split not in empty}
    classes = class_list(labels, str(root), for_training=for_training)
    return Dataset(
        name=str(root),
        splits={
            split: FileSamples(root, paths[split], numbered(names, classes))
            for split, names in labels.items()
        },
        skipped=tuple(walk.skipped),
        notes=(*notes, *walk.notes(), *oddities(labels, classes)),
    )


def images_below(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """All images below a folder, for prediction; class folders are not required."""
    require_own_files(folder)
    walk = _Walk(folder)
    return [folder / path for path in walk.images(folder)], walk.skipped


def _split_folders(root: Path) -> dict[str, Path]:
    """The split folders of `root`, `train` first."""
    splits: dict[str, Path] = {}
    for folder in _folders(root):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split in splits:
            both = f"{splits[split].name!r} and {folder.name!r}"
            raise DataError(f"{root}: {both} both look like the split {split!r}; rename one")
        if split:
            splits[split] = folder
    return {split: splits[split] for split in ("train", "val", "test") if split in splits}


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not _ignored(path.name))
    except OSError as error:
        raise DataError(f"{root}: {error.strerror}; name a folder of images") from None


def _other_folders(root: Path, by_split: Mapping[str, Path]) -> list[str]:
    """A note on ignored folders beside the split folders."""
    if not by_split:
        return []
    others = [repr(folder.name) for folder in _folders(root) if folder not in by_split.values()]
    return [f"{listing(others)} next to the split folders: ignored"] if others else []


class _Walk:
    """Finds images below `root`, and records skipped files and links that lead outside.

    Attributes:
        skipped: Files that are not used.
        split: The split being read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Skipped] = []
        self.split = ""
        self._inside = os.path.realpath(root)
        self._outside: list[str] = []

    def images(self, folder: Path) -> Iterator[str]:
        """Sorted paths below `folder`, relative to `root`; follows links, visits each folder once."""
        # A link to a parent folder would lead into the folders of the other classes.
        seen = {_identity(place) for place in (self.root, folder.parent) if place != folder}
        self._note_link(str(folder))
        for place, folders, files in walked(folder, self._refuse):
            if _identity(place) in seen:
                folders.clear()
                continue
            seen.add(_identity(place))
            folders[:] = sorted(name for name in folders if not _ignored(name))
            for name in folders:
                self._note_link(os.path.join(place, name))  # noqa: PTH118 - a million times
            yield from self._files(place, sorted(name for name in files if not _ignored(name)))

    def skip_loose(self, folder: Path) -> None:
        """Skip images directly in `folder`, next to its class folders."""
        if not _folders(folder):
            return
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in SUFFIXES and not _ignored(path.name) and not path.is_dir():
                self._skip(str(path), "not in a class folder, so it has no class")

    def notes(self) -> list[str]:
        """Notes on the files that are used."""
        if not self._outside:
            return []
        single = len(self._outside) == 1
        links = "a link points" if single else f"{len(self._outside)} links point"
        followed = "is followed" if single else "are followed"
        return [f"{links} outside {self.root} and {followed}: {listing(self._outside, 3)}"]

    def _files(self, place: str, names: list[str]) -> Iterator[str]:
        photographs = {Path(name).suffix.lower() for name in names} & SUFFIXES - {".gif"}
        for name in names:
            full = os.path.join(place, name)  # noqa: PTH118
            suffix = Path(name).suffix.lower()
            if suffix not in SUFFIXES:
                self._skip(full, _not_an_image(suffix))
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
        self._skip(error.filename, error.strerror or "no access")


def _identity(folder: str | Path) -> tuple[int, int]:
    status = Path(folder).stat()
    return status.st_dev, status.st_ino


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _not_an_image(suffix: str) -> str:
    if suffix in (".jxl", ".jp2", ".psd", ".svg"):
        return f"{suffix} is not supported; convert it to PNG or JPEG"
    return f"{suffix} is not an image" if suffix else "not an image"


def _why_empty(root: Path, train: Path) -> str:
    loose = sorted(path.name for path in train.iterdir() if path.suffix.lower() in SUFFIXES)
    if loose:
        return (
            f"{train}: its {len(loose)} images are not in class folders ({listing(loose, 2)}); "
            f"use one folder per class: {train}/<class>/*.jpg"
        )
    return f"{root}: no images found; expected {root}/<class>/*.jpg or {root}/train/<class>/*.jpg"
