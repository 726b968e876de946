"""A folder of images: `root/<class>/*`, or `root/train|val|test/<class>/*`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from onestop.data.dataset import Dataset, Skipped
from onestop.data.samples import FileSamples
from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.errors import DataError
from onestop.images.decode import is_still
from onestop.images.formats import SUFFIXES
from onestop.text import listing

SPLIT_FOLDERS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
# What file managers, archives and notebooks leave behind; neither images nor worth a word.
_LITTER = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


def open_folder(root: Path, *, for_training: bool = True) -> Dataset:
    """Read the folder's structure; no image is opened.

    Class names are the names of the folders, sorted. Images may lie deeper inside a class folder.
    Hidden files and folders are ignored, other files that are no images are named in `skipped`.
    Where it is not `for_training`, a single class and folders without `train` will do.

    Raises:
        DataError: No images, a single class, a file that is a folder's, or classes that differ.
    """
    by_split = _split_folders(root)
    if for_training and by_split and "train" not in by_split:
        have = listing(repr(folder.name) for folder in by_split.values())
        raise DataError(f"{root}: has {have} but no folder 'train'; add one, or rename it")
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
            found = list(walk.images(class_folder))
            paths[split] += found
            labels[split] += [class_folder.name] * len(found)
            if not found:
                notes.append(f"{os.path.relpath(class_folder, root)} holds no images")
    first = next(iter(by_split)) if "train" not in by_split else "train"
    if not paths[first]:
        raise DataError(_nothing_found(root, by_split[first]))
    empty = [split for split, found in paths.items() if not found]
    notes += [f"split folder {by_split[split].name!r} holds no images" for split in empty]
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
    """All images below a folder, for prediction; no class names are expected."""
    walk = _Walk(folder)
    return [folder / path for path in walk.images(folder)], walk.skipped


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of `root` that are splits, `train` first."""
    found: dict[str, Path] = {}
    for folder in _folders(root):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split in found:
            both = f"{found[split].name!r} and {folder.name!r}"
            raise DataError(f"{root}: {both} both look like the split {split!r}; rename one")
        if split:
            found[split] = folder
    return {split: found[split] for split in ("train", "val", "test") if split in found}


def _folders(root: Path) -> list[Path]:
    try:
        found = sorted(path for path in root.iterdir() if path.is_dir() and not _ignored(path.name))
    except OSError as error:
        raise DataError(f"{root}: {error.strerror}; name a folder of images") from None
    return found


def _other_folders(root: Path, by_split: Mapping[str, Path]) -> list[str]:
    """A note on folders beside those of the splits, which nothing is read from."""
    if not by_split:
        return []
    others = [repr(folder.name) for folder in _folders(root) if folder not in by_split.values()]
    return [f"{listing(others)} beside the folders of splits: not read"] if others else []


class _Walk:
    """Finds images below `root`, and keeps what else was found on the way.

    Attributes:
        skipped: Files that are not used.
        split: What is walked through.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped: list[Skipped] = []
        self.split = ""
        self._inside = os.path.realpath(root)
        self._outside: list[str] = []

    def images(self, folder: Path) -> Iterator[str]:
        """Paths below `folder`, relative to `root`, sorted; links are followed, each folder once."""
        # A link that leads up would lead into the folders of the other classes.
        seen = {_identity(place) for place in (self.root, folder.parent) if place != folder}
        self._note_link(str(folder))
        for place, folders, files in os.walk(folder, followlinks=True, onerror=self._refuse):
            if _identity(place) in seen:
                folders.clear()
                continue
            seen.add(_identity(place))
            folders[:] = sorted(name for name in folders if not _ignored(name))
            for name in folders:
                self._note_link(os.path.join(place, name))  # noqa: PTH118 - a million times
            yield from self._files(place, sorted(name for name in files if not _ignored(name)))

    def skip_loose(self, folder: Path) -> None:
        """Name the images that lie in `folder` itself, beside its class folders."""
        if not _folders(folder):
            return
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in SUFFIXES and not _ignored(path.name) and not path.is_dir():
                self._skip(str(path), "lies beside the class folders and so has no class")

    def notes(self) -> list[str]:
        """What a person should know of the files that are used."""
        if not self._outside:
            return []
        one = len(self._outside) == 1
        links = "a link leads" if one else f"{len(self._outside)} links lead"
        followed = "is followed" if one else "are followed"
        return [f"{links} out of {self.root} and {followed}: {listing(self._outside, 3)}"]

    def _files(self, place: str, names: list[str]) -> Iterator[str]:
        photographs = {Path(name).suffix.lower() for name in names} & SUFFIXES - {".gif"}
        for name in names:
            full = os.path.join(place, name)  # noqa: PTH118
            suffix = Path(name).suffix.lower()
            if suffix not in SUFFIXES:
                self._skip(full, _not_an_image(suffix))
            elif suffix == ".gif" and photographs and is_still(full):
                self._skip(full, "a still GIF among photographs; convert it to PNG if it is one")
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
        return f"{suffix} is not read; convert it to PNG or JPEG"
    return f"{suffix} is no image" if suffix else "no image"


def _nothing_found(root: Path, train: Path) -> str:
    loose = sorted(path.name for path in train.iterdir() if path.suffix.lower() in SUFFIXES)
    if loose:
        return (
            f"{train}: its {len(loose)} images lie loose ({listing(loose, 2)}); "
            f"put them into one folder a class: {train}/<class>/*.jpg"
        )
    return f"{root}: no images found; expected {root}/<class>/*.jpg or {root}/train/<class>/*.jpg"
