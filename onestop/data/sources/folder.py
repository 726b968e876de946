"""A folder of images: `root/<class>/*`, or `root/train|val|test/<class>/*`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from onestop.data.dataset import Dataset, Skipped
from onestop.data.decode import SUFFIXES
from onestop.data.samples import FileSamples
from onestop.data.sources.labels import class_list, numbers, oddities
from onestop.errors import DataError, listing

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
    by_split = by_split or {"train": root}
    skipped: list[Skipped] = []
    paths: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    notes: list[str] = []
    for split, folder in by_split.items():
        paths[split], labels[split] = [], []
        for class_folder in _folders(folder):
            found = list(_images(class_folder, root, skipped))
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
        classes=classes,
        splits={
            split: FileSamples(root, paths[split], numbers(names, classes))
            for split, names in labels.items()
        },
        skipped=tuple(skipped),
        notes=(*notes, *oddities(labels, classes)),
    )


def images_below(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """All images below a folder, for prediction; no class names are expected."""
    skipped: list[Skipped] = []
    return [folder / path for path in _images(folder, folder, skipped)], skipped


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


def _images(folder: Path, root: Path, skipped: list[Skipped]) -> Iterator[str]:
    """Paths below `folder`, relative to `root`, sorted; links are followed, each folder once."""
    # A link that leads up would lead into the folders of the other classes.
    seen = {_identity(place) for place in (root, folder.parent) if place != folder}

    def refuse(error: OSError) -> None:
        skipped.append(
            Skipped(os.path.relpath(error.filename, root), error.strerror or "no access")
        )

    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        if _identity(place) in seen:
            folders.clear()
            continue
        seen.add(_identity(place))
        folders[:] = sorted(name for name in folders if not _ignored(name))
        for name in sorted(files):
            if _ignored(name):
                continue
            path = os.path.relpath(Path(place) / name, root)
            if Path(name).suffix.lower() in SUFFIXES:
                yield path
            else:
                skipped.append(Skipped(path, _not_an_image(name)))


def _identity(folder: str | Path) -> tuple[int, int]:
    status = Path(folder).stat()
    return status.st_dev, status.st_ino


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _not_an_image(name: str) -> str:
    suffix = Path(name).suffix.lower()
    if suffix in (".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2"):
        return f"{suffix} is not read as a photograph; convert it to PNG or JPEG"
    return f"{suffix} is no image" if suffix else "no image"


def _nothing_found(root: Path, train: Path) -> str:
    loose = [path.name for path in train.iterdir() if path.suffix.lower() in SUFFIXES]
    if loose:
        return (
            f"{train}: its {len(loose)} images lie loose ({listing(loose, 2)}); "
            f"put them into one folder a class: {train}/<class>/*.jpg"
        )
    return f"{root}: no images found; expected {root}/<class>/*.jpg or {root}/train/<class>/*.jpg"
