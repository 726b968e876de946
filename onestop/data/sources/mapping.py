"""A mapping of splits to sources of any kind, put together on the classes of the training split."""

from __future__ import annotations

from collections.abc import Mapping

from onestop.data.dataset import Dataset
from onestop.data.samples import Samples
from onestop.errors import DataError
from onestop.text import listing


def together(parts: Mapping[str, Dataset], name: str) -> Dataset:
    """One data set of several.

    Args:
        parts: By split; `train` among them. Of one that has several splits, that of the same name is
            taken.
        name: What the whole is called.

    Raises:
        DataError: A split has a class that `train` lacks, or splits of its own under other names.
    """
    names = parts["train"].classes
    splits: dict[str, Samples] = {}
    notes: list[str] = []
    for split, part in parts.items():
        try:
            splits[split] = _only(split, part.onto(names))
        except DataError as error:
            known = str(error).replace("the model does not know", "'train' lacks")
            raise DataError(f"split {split!r}: {known}") from None
        notes += [f"split {split!r}: {note}" for note in part.notes]
    return Dataset(
        name,
        splits,
        skipped=tuple(file for part in parts.values() for file in part.skipped),
        notes=tuple(notes),
        groups={},
    )


def _only(split: str, part: Dataset) -> Samples:
    if len(part.splits) == 1:
        return next(iter(part.splits.values()))
    if split in part.splits:
        return part.splits[split]
    raise DataError(f"{part.name}: has the splits {listing(part.splits)}; name one of its folders")
