"""Image folders: what lies in them is judged by `layout_of`, and read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from onestop.data.dataset import Dataset
from onestop.data.samples import FileSamples
from onestop.data.sources.as_task import Labels, read_labels
from onestop.data.sources.labels import class_list, maybe_numbers, numbered, oddities
from onestop.data.sources.layout import Layout, Part, layout_of
from onestop.data.sources.scan import require_own_files
from onestop.data.sources.table_file import SUFFIXES as TABLES
from onestop.data.sources.tree import tree_below
from onestop.data.sources.walk import Walk
from onestop.data.targets import Targets
from onestop.errors import DataError
from onestop.text import listing


def open_folder(root: Path, *, task: str | None = None, for_training: bool = True) -> Dataset:
    """Read the structure of a folder without opening images.

    Classes are the folder names, sorted. Images may be nested deeper in a class folder. Hidden files
    and folders are ignored; other files that are not images are listed in `skipped`. Unless
    `for_training`, a single class is allowed and `train` may be missing.

    Args:
        root: The folder.
        task: What to learn from the names of the folders; their classes if None.
        for_training: Whether to train.

    Raises:
        DataError: No images, only one class, no folder `train`, a class missing from `train`, or
            folders that may mean several things.
    """
    _require_folder(root)
    require_own_files(root)
    layout = layout_of(tree_below(root), str(root), for_training=for_training)
    walk = Walk(root, labelled=True, without=layout.masks)
    notes = list(layout.notes)
    paths, labels = _read(root, layout, walk, notes)
    first = "train" if "train" in paths else next(iter(paths))
    if not paths[first]:
        raise DataError(_why_empty(root, layout.parts[first]))
    empty = [split for split, images in paths.items() if not images]
    notes += [f"split folder {layout.parts[s].folder.name!r} contains no images" for s in empty]
    labels = {split: names for split, names in labels.items() if split not in empty}
    targets = _targets(root, labels, paths, task, for_training=for_training)
    classes = targets[first].names
    odd = [*oddities(labels, classes), *maybe_numbers(labels[first], classes, task)]
    return Dataset(
        name=str(root),
        splits={split: FileSamples(root, paths[split], targets[split]) for split in labels},
        skipped=tuple(walk.skipped),
        notes=(*notes, *walk.notes(), *odd),
    )


def _read(
    root: Path, layout: Layout, walk: Walk, notes: list[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The path and the class of each image, by split; adds notes on class folders without any."""
    paths: dict[str, list[str]] = {}
    labels: dict[str, list[str]] = {}
    loose = set()
    for split, part in layout.parts.items():
        paths[split], labels[split] = [], []
        walk.split = split
        if part.class_folders and part.folder.path not in loose:
            walk.skip_loose(root / part.folder.path, part.folder.images)
            loose.add(part.folder.path)
        for name, folder in part.class_folders:
            closed = len(walk.closed)
            images = list(walk.images(root / folder.path))
            paths[split] += images
            labels[split] += [name] * len(images)
            if not images and len(walk.closed) == closed:
                notes.append(f"{folder.path} contains no images")
    return paths, labels


def _targets(
    root: Path, labels: Mapping[str, Sequence[str]], paths: Mapping[str, Sequence[str]],
    task: str | None, *, for_training: bool,
) -> Mapping[str, Targets]:  # fmt: skip
    """The names of the class folders as targets."""
    if task is None:
        classes = class_list(labels, str(root), for_training=for_training)
        return {split: numbered(names, classes) for split, names in labels.items()}
    sets = {split: [(name,) for name in names] for split, names in labels.items()}

    def place(split: str, index: int) -> str:
        return str(root / paths[split][index])

    return read_labels(Labels(sets, place, str(root), for_training=for_training), task)


def _require_folder(root: Path) -> None:
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise DataError(f"{root}: {error.strerror}; name a folder of images") from None


def _why_empty(root: Path, part: Part) -> str:
    folder, loose = root / part.folder.path, part.folder.images
    tables = [name for name in part.folder.others if name.lower().endswith(TABLES)]
    named = f", or name the table: {folder / tables[0]}" if tables else ""
    if loose:
        return (
            f"{folder}: its {len(loose)} images are not in class folders ({listing(loose, 2)}); "
            f"use one folder per class: {folder}/<class>/*.jpg{named}"
        )
    return (
        f"{root}: no images found; expected {root}/<class>/*.jpg or "
        f"{root}/train/<class>/*.jpg{named}"
    )
