"""Data sets: `open_data` is the single entry point; `onestop.data.loader` yields batches of tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from onestop.data.dataset import Dataset
from onestop.data.sources.as_task import check_task
from onestop.data.sources.builtin import NAMES, data_root, known_set, open_named
from onestop.data.sources.folder import open_folder
from onestop.data.sources.for_task import for_task
from onestop.data.sources.frames import is_frame, table_of
from onestop.data.sources.mapping import together
from onestop.data.sources.objects import open_objects
from onestop.data.sources.options import OF_ONE_TABLE, OF_TABLES, Options
from onestop.data.sources.python import NAME, by_split, open_python
from onestop.data.sources.table import SUFFIXES, dataset_of, open_table
from onestop.data.sources.table_paths import find_path
from onestop.data.splits import hold_out
from onestop.errors import DataError
from onestop.images.forms import local_path
from onestop.text import did_you_mean, listing

_TABLES = f"tables ({listing(SUFFIXES)})"


def open_data(
    source: Any,
    *,
    root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    for_training: bool = True,
    task: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    image_root: str | None = None,
    suffix: str | None = None,
    literal_labels: bool = False,
    download: bool = True,
) -> Dataset:
    """Open a data source, and hold out a validation split if it has none.

    Args:
        source: `digits`; a torchvision set by name; a folder `root/<class>/*` or
            `root/train|val|test/<class>/*`; a CSV or Parquet table; or, in Python, arrays, torch
            data sets, DataFrames, or a mapping of splits to any of these.
        root: Folder of the data sets known by name, and where they are downloaded; see `data_root`.
        val_fraction: Fraction of the training images held out as `val` if the source has no such
            split; 0 holds none out.
        seed: Selects the images held out.
        for_training: Whether a split `train` with at least two classes is required.
        task: What is learned from the labels, such as "regression"; as the source has them if None.
        path_column: Column of a table that names the images; recognised by its name if None.
        label_column: Column of a table that holds the labels; recognised by its name if None.
        image_root: Folder in which the names in a table start; that of the table if None.
        suffix: Suffix that the names in a table lack, such as ".jpg".
        literal_labels: Whether words that usually mean a missing label are names like others.
        download: Whether a set known by name may be downloaded. Not if only a file, such as the recipe
            in a run folder, names it.

    Raises:
        DataError: There is no such source, or it cannot be used for training.
        UsageError: It is nothing that a source can be, and the message names its type; or a setting
            that this source does not have.
    """
    options = Options(
        task=task, path_column=path_column, label_column=label_column, image_root=image_root,
        suffix=suffix, literal_labels=literal_labels,
    )  # fmt: skip
    check_task(task)
    try:
        dataset = _open(source, root, options, for_training=for_training, download=download)
    except OSError as error:  # a name that is too long, a folder without access
        if error.filename is None or not isinstance(source, str | Path):
            raise
        raise DataError(f"{error.filename}: {error.strerror}; name a folder or a table") from None
    if "val" not in dataset.splits and "train" in dataset.splits and val_fraction > 0:
        dataset = hold_out(dataset, "val", val_fraction, seed)
    return dataset


def is_source(text: str) -> bool:
    """Whether a command-line word names a data source rather than a network."""
    return known_set(text) is not None or _path(text).exists()


def as_recorded(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `open_data` with which the data of a run were opened, `root` aside.

    Args:
        recipe: Its settings, also those of an earlier version, which had fewer.
    """
    split = {name: recipe[name] for name in ("val_fraction", "seed")}
    return {**split, **Options.of(recipe).values()}


def as_in_training(recipe: Mapping[str, Any], source: Any) -> dict[str, Any]:
    """How a run's data were read, as far as another source has these settings.

    Args:
        recipe: Of the run.
        source: The other data.
    """
    other = {*OF_ONE_TABLE}
    if not is_table(source):
        other |= {*OF_TABLES}
    return {k: value for k, value in Options.of(recipe).values().items() if k not in other}


def is_table(source: Any) -> bool:
    """Whether a source is a table in memory, or the path of one."""
    if not isinstance(source, str | os.PathLike):
        return is_frame(source)
    path = _path(source)
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _path(source: str | os.PathLike[str]) -> Path:
    return find_path(local_path(source))


def _open(
    source: Any, root: str | None, options: Options, *, for_training: bool, download: bool
) -> Dataset:
    """Open a source of any kind: its type is asked here, once, before anything else is done."""
    if isinstance(source, str | os.PathLike):
        return _open_path(source, root, options, for_training=for_training, download=download)
    if is_frame(source):
        table = table_of(source, f"({type(source).__name__} given in Python)", options)
        dataset = dataset_of(table, Path(), options, for_training=for_training)
        return replace(dataset, name=NAME)
    if isinstance(source, Mapping) and any(_is_opened_alone(part) for part in source.values()):
        return together({
            split: _open(
                part, root, options, for_training=for_training and split == "train",
                download=download,
            )
            for split, part in by_split(source).items()
        }, NAME)  # fmt: skip
    options.require_none(OF_TABLES, _TABLES, NAME)
    if isinstance(source, Dataset):
        return for_task(source, options.task, for_training=for_training)
    return open_python(source, options)


def _is_opened_alone(part: Any) -> bool:
    """Whether it is a source of its own rather than arrays or a torch data set."""
    return isinstance(part, str | os.PathLike | Dataset) or is_frame(part)


def _open_path(
    source: str | os.PathLike[str],
    root: str | None,
    options: Options,
    *,
    for_training: bool,
    download: bool,
) -> Dataset:
    name = known_set(os.fspath(source))
    path = Path(source) if name else _path(source)
    if not (name and root) and (found := open_objects(path, options, for_training=for_training)):
        return found
    if is_table(source):
        return open_table(_path(source), options, for_training=for_training)
    if name is not None and (root or not path.is_dir()):
        options.require_none(OF_TABLES, _TABLES, name)
        named = open_named(name, data_root(root), download=download)
        return for_task(named, options.task, for_training=for_training)
    if path.is_dir():
        options.require_none(OF_TABLES, _TABLES, str(source))
        return open_folder(path, task=options.task, for_training=for_training)
    if path.exists():
        raise DataError(f"{source}: neither a folder nor a table ({listing(SUFFIXES)})")
    raise DataError(
        f"{source}: no such folder, table or data set{did_you_mean(str(source), NAMES)}"
        f" (known: {listing(NAMES, 20)})"
    )
