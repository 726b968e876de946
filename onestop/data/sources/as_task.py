"""Labels as the targets of a task: what a source says of each image, read as the task learns it.

Sources hand over text, each label with its place; a task's targets are made of it here.
A new kind of target that can be read from labels is a line in `READERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from onestop.data.multihot import Multihot
from onestop.data.sources.label_sets import label_sets
from onestop.data.sources.labels import class_list, numbered
from onestop.data.targets import Classes, Numbers, Targets
from onestop.errors import DataError, UsageError
from onestop.text import did_you_mean, listing


@dataclass(frozen=True)
class Labels:
    """What a source says of each image.

    Attributes:
        sets: For each split the labels of each image, as text: one, several or none.
        place: Where the label of an image stands, by split and index, for errors.
        source: What the source is called in an error.
        names: The list of labels, if the source has one.
        for_training: Whether the training split must be there and have all names.
    """

    sets: Mapping[str, Sequence[tuple[str, ...]]]
    place: Callable[[str, int], str]
    source: str
    names: tuple[str, ...] = ()
    for_training: bool = True


TargetsBySplit: TypeAlias = Mapping[str, Targets]
Reader: TypeAlias = Callable[[Labels], TargetsBySplit]


def _classes(labels: Labels) -> TargetsBySplit:
    single = _single(labels, "one class")
    names = class_list(single, labels.source, for_training=labels.for_training, sure=True)
    return {split: numbered(part, names) for split, part in single.items()}


def _numbers(labels: Labels) -> TargetsBySplit:
    single = _single(labels, "one number")
    return {
        split: Numbers(np.array([_float(text, labels, split, k) for k, text in enumerate(part)]))
        for split, part in single.items()
    }


def _sets(labels: Labels) -> TargetsBySplit:
    training = labels.for_training
    return label_sets(labels.sets, labels.source, labels.names, for_training=training)


READERS: dict[str, Reader] = {
    Classes.task: _classes,
    Numbers.task: _numbers,
    Multihot.task: _sets,
}
"""By the name of the task that learns from the targets."""


def check_task(task: str | None) -> None:
    """Refuse a task that labels cannot be read for.

    Raises:
        UsageError: Names those that are known.
    """
    if task is not None and task not in READERS:
        near = did_you_mean(task, READERS) or f"; there are {listing(READERS)}"
        raise UsageError(f"--task {task}: no such task{near}")


def read_labels(labels: Labels, task: str) -> TargetsBySplit:
    """The targets of each split, as a task learns them.

    Raises:
        DataError: A label that is none of the task's, with its place.
    """
    return READERS[task](labels)


def _single(labels: Labels, wanted: str) -> dict[str, list[str]]:
    """The only label of each image."""
    for split, sets in labels.sets.items():
        for index, those in enumerate(sets):
            if len(those) != 1:
                have = listing(those) if those else "no label"
                raise DataError(f"{labels.place(split, index)}: has {have}, and {wanted} is wanted")
    return {split: [label for (label,) in sets] for split, sets in labels.sets.items()}


def _float(text: str, labels: Labels, split: str, index: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f"{labels.place(split, index)}: label {text!r} is not a number; correct it, or leave out "
            f"--task {Numbers.task} to learn classes"
        )
    return value
