"""Data sets: `open_data` is the single entry point; `onestop.data.loader` yields batches of tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from onestop.data.dataset import Dataset
from onestop.data.sources.builtin import NAMES, data_root, known_set, open_named
from onestop.data.sources.folder import open_folder
from onestop.data.sources.frames import is_frame, rows_of
from onestop.data.sources.mapping import together
from onestop.data.sources.python import NAME, by_split, open_python
from onestop.data.sources.table import SUFFIXES, from_rows, open_table
from onestop.data.splits import hold_out
from onestop.errors import DataError
from onestop.images.forms import local_path
from onestop.text import did_you_mean, listing


def open_data(
    source: Any,
    *,
    root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    for_training: bool = True,
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

    Raises:
        DataError: There is no such source, or it cannot be used for training.
        UsageError: It is nothing that a source can be; the message names its type.
    """
    dataset = _open(source, root, for_training)
    if "val" not in dataset.splits and "train" in dataset.splits and val_fraction > 0:
        dataset = hold_out(dataset, "val", val_fraction, seed)
    return dataset


def is_source(text: str) -> bool:
    """Whether a command-line word names a data source rather than a network."""
    return known_set(text) is not None or local_path(text).exists()


def _open(source: Any, root: str | None, for_training: bool) -> Dataset:
    """Open a source of any kind: its type is asked here, once, before anything else is done."""
    if isinstance(source, Dataset):
        return source
    if isinstance(source, str | os.PathLike):
        return _open_path(source, root, for_training)
    if is_frame(source):
        header, rows = rows_of(source)
        path = Path(f"({type(source).__name__} given in Python)")
        dataset = from_rows(header, rows, path, Path(), for_training=for_training)
        return replace(dataset, name=NAME)
    if isinstance(source, Mapping) and any(_is_opened_alone(part) for part in source.values()):
        return together({
            split: _open(part, root, for_training=for_training and split == "train")
            for split, part in by_split(source).items()
        }, NAME)  # fmt: skip
    return open_python(source)


def _is_opened_alone(part: Any) -> bool:
    """Whether it is a source of its own rather than arrays or a torch data set."""
    return isinstance(part, str | os.PathLike | Dataset) or is_frame(part)


def _open_path(source: str | os.PathLike[str], root: str | None, for_training: bool) -> Dataset:
    name = known_set(os.fspath(source))
    path = (Path(source) if name else local_path(source)).expanduser()
    if name is not None and (root or not path.is_dir()):
        return open_named(name, data_root(root))
    if path.is_dir():
        return open_folder(path, for_training=for_training)
    if path.suffix.lower() in SUFFIXES and path.exists():
        return open_table(path, for_training=for_training)
    if path.exists():
        raise DataError(f"{source}: neither a folder nor a table ({listing(SUFFIXES)})")
    raise DataError(
        f"{source}: no such folder, table or data set{did_you_mean(str(source), NAMES)}"
        f" (known: {listing(NAMES, 20)})"
    )
