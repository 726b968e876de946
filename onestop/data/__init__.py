"""Data sets: `open_data` is the single entry point; `onestop.data.loader` yields batches of tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onestop.data.dataset import Dataset
from onestop.data.sources.builtin import NAMES, data_root, known_set, open_named
from onestop.data.sources.folder import open_folder
from onestop.data.sources.python import open_python
from onestop.data.sources.table import SUFFIXES, open_table
from onestop.data.splits import hold_out
from onestop.errors import DataError
from onestop.runtime.files import expanded
from onestop.text import did_you_mean, listing


def open_data(
    source: Any,
    *,
    root: str | None = None,
    val_fraction: float = 0.1,
    seed: int = 0,
    for_training: bool = True,
    download: bool = True,
) -> Dataset:
    """Open a data source, and hold out a validation split if it has none.

    Args:
        source: `digits`; a torchvision set by name; a folder `root/<class>/*` or
            `root/train|val|test/<class>/*`; a CSV or Parquet table; or, in Python, arrays, torch
            data sets, or a mapping of splits to these.
        root: Folder of the data sets known by name, and where they are downloaded; see `data_root`.
        val_fraction: Fraction of the training images held out as `val` if the source has no such
            split; 0 holds none out.
        seed: Selects the images held out.
        for_training: Whether a split `train` with at least two classes is required.
        download: Whether a set known by name may be downloaded. Not if only a file, such as the recipe
            in a run folder, names it.

    Raises:
        DataError: There is no such source, or it cannot be used for training.
    """
    try:
        dataset = _open(source, root, for_training, download)
    except OSError as error:  # a name that is too long, a folder without access
        if error.filename is None or not isinstance(source, str | Path):
            raise
        raise DataError(f"{error.filename}: {error.strerror}; name a folder or a table") from None
    if "val" not in dataset.splits and "train" in dataset.splits and val_fraction > 0:
        dataset = hold_out(dataset, "val", val_fraction, seed)
    return dataset


def is_source(text: str) -> bool:
    """Whether a command-line word names a data source rather than a network."""
    return known_set(text) is not None or Path(text).exists()


def _open(source: Any, root: str | None, for_training: bool, download: bool) -> Dataset:
    if isinstance(source, Dataset):
        return source
    if not isinstance(source, str | Path):
        return open_python(source)
    path = expanded(source)
    name = known_set(str(source))
    if name is not None and (root or not path.is_dir()):
        return open_named(name, data_root(root), download=download)
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
