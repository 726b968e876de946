"""One class list for all splits, matched by name and never by number."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from onestop.data.names import doubled, key_of, nfc, one_each, positions
from onestop.data.targets import Classes
from onestop.errors import DataError
from onestop.text import listing

AS_NUMBERS = "if they are numbers to be predicted: --task regression"
"""How to have labels read as numbers."""
_MANY = 10  # different labels from which on they look like measurements
_PER_CLASS = 10  # images of each whole number below which they do


def class_list(
    names: Mapping[str, Sequence[str]],
    source: str,
    *,
    for_training: bool = True,
    sure: bool = False,
) -> tuple[str, ...]:
    """The classes of the training split, sorted by name, each in one spelling.

    Args:
        names: The class name of each sample, by split.
        source: Name of the source in error messages.
        for_training: Whether at least two classes are required, all of them in the training split.
        sure: Whether a person said that these are classes, so that nothing is suspected.

    Raises:
        DataError: There are fewer than two classes, training lacks a class of another split, or
            labels are numbers of which nearly each image has its own.
    """
    if not for_training:
        return tuple(one_each(set().union(*names.values())))
    if not sure:
        _refuse_measurements(names["train"], source)
    train = one_each(names["train"])
    known = positions(train)
    for split, labels in names.items():
        if unknown := sorted(name for name in set(labels) if key_of(name) not in known):
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
    place = positions(classes)
    position = {name: place[key_of(name)] for name in set(labels)}
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
        present = {key_of(name) for name in set(labels)}
        missing = sorted(name for name in classes if key_of(name) not in present)
        notes += [f"split {split!r} has no images of {listing(missing)}"] if missing else []
    for same in doubled(set(classes).union(*names.values())):
        why = "differ only in encoding" if len(set(map(nfc, same))) == 1 else "are one number"
        notes.append(f"{called} {listing(same)} {why}: read as one")
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(unicodedata.normalize("NFKC", name).casefold(), []).append(name)
    for same in alike.values():
        if len(same) > 1:
            difference = "case" if len({n.casefold() for n in same}) == 1 else "encoding"
            notes.append(f"{called} {listing(same)} differ only in {difference}")
    return notes


def maybe_numbers(
    labels: Sequence[str], classes: Sequence[str], task: str | None = None
) -> list[str]:
    """A note if classes look like numbers to be predicted, though several images share each.

    Args:
        labels: Of the training images.
        classes: All names.
        task: What a person said that they are.
    """
    values = [_number(name) for name in classes]
    if task is not None or len(classes) < _MANY or None in values:
        return []
    decimals = any(value is not None and not value.is_integer() for value in values)
    if not decimals and (len(classes) < 2 * _MANY or len(labels) >= _PER_CLASS * len(classes)):
        return []
    return [f"{len(classes)} different numbers are read as classes; {AS_NUMBERS}"]


def _refuse_measurements(labels: Sequence[str], source: str) -> None:
    different = one_each(labels)
    if len(different) < _MANY or 2 * len(different) <= len(labels):
        return
    if all(_number(name) is not None for name in different):
        raise DataError(
            f"{source}: {len(different)} different labels for {len(labels)} images; {AS_NUMBERS}; if "
            "they are classes: --task classification"
        )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _count(number: int) -> str:
    return "a class" if number == 1 else f"{number} classes"
