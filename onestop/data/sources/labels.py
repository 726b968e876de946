"""One class list for all splits, matched by name and never by number."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from onestop.data.targets import Classes
from onestop.errors import DataError
from onestop.text import listing


def class_list(
    names: Mapping[str, Sequence[str]], source: str, *, for_training: bool = True
) -> tuple[str, ...]:
    """The classes of the training split, sorted by name.

    Args:
        names: The class name of each sample, by split.
        source: Name of the source in error messages.
        for_training: Whether at least two classes are required, all of them in the training split.

    Raises:
        DataError: There are fewer than two classes, or training lacks a class of another split.
    """
    if not for_training:
        return tuple(sorted(set().union(*names.values())))
    train = sorted(set(names["train"]))
    for split, labels in names.items():
        if unknown := sorted(set(labels) - set(train)):
            raise DataError(
                f"{source}: split {split!r} has {_count(len(unknown))} that 'train' lacks: "
                f"{listing(unknown)}; add images of them to 'train' or remove them from {split!r}"
            )
    if len(train) < 2:
        classes = f"only the class {train[0]!r}" if train else "no class"
        raise DataError(f"{source}: has {classes}; training needs at least two class folders")
    return tuple(train)


def numbered(labels: Sequence[str], classes: Sequence[str]) -> Classes:
    """Targets from class names: each is a position in the list of classes."""
    position = {name: number for number, name in enumerate(classes)}
    return Classes(np.array([position[label] for label in labels], dtype=np.int64), classes)


def oddities(
    names: Mapping[str, Sequence[str]], classes: Sequence[str], called: str = "classes"
) -> list[str]:
    """Notes on classes that a split lacks, and on class names that look alike.

    Args:
        names: For each split the names that its samples have.
        classes: All names.
        called: What names are called, in the plural.
    """
    notes = []
    for split, labels in names.items():
        missing = sorted(set(classes) - set(labels))
        notes += [f"split {split!r} has no images of {listing(missing)}"] if missing else []
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(unicodedata.normalize("NFKC", name).casefold(), []).append(name)
    for same in alike.values():
        if len(same) > 1:
            difference = "case" if len({n.casefold() for n in same}) == 1 else "encoding"
            notes.append(f"{called} {listing(same)} differ only in {difference}")
    return notes


def _count(number: int) -> str:
    return "a class" if number == 1 else f"{number} classes"
