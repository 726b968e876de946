"""Images per class and split, class imbalance, and groups across splits."""

from __future__ import annotations

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.targets import Indices
from onestop.linting.findings import Finding, Place
from onestop.text import listing, plural

_UNEVEN = 10  # ratio of the largest class to the smallest
_FEW = 10  # images per class


def class_rows(dataset: Dataset) -> list[dict[str, str | int]]:
    """A row per class or label: its name, and how many images of it each split has."""
    counts = {split: dataset.counts(split) for split in dataset.splits}
    noun = dataset.targets.nouns[0]
    return [
        {noun: name, **{split: int(found[k]) for split, found in counts.items()}}
        for k, name in enumerate(dataset.classes)
    ]


def of_classes(dataset: Dataset) -> list[Finding]:
    """Classes that a split lacks, that have few training images, or many more than others.

    Of labels the same; and images that have no name at all.
    """
    found = []
    one, many = dataset.targets.nouns
    counts = {split: dataset.counts(split) for split in dataset.splits}
    for split, numbers in counts.items():
        if missing := [dataset.classes[k] for k in np.flatnonzero(numbers == 0)]:
            text = f"split {split!r} has no image of {listing(missing)}"
            found.append(Finding(f"missing {many}", "warning", text))
    train = counts.get("train", next(iter(counts.values())))
    if few := [f"{dataset.classes[k]} {train[k]}" for k in np.flatnonzero(train < _FEW)]:
        text = f"{plural(len(few), one, many)} with under {_FEW} images: {listing(few)}"
        found.append(Finding("few images", "warning", text))
    if len(train) > 1 and train.max() >= _UNEVEN * max(train.min(), 1):
        most, least = (dataset.classes[int(k)] for k in (train.argmax(), train.argmin()))
        text = (
            f"{one} {most!r} has {train.max():,} images and {least!r} {train.min():,}; "
            f"--balance loss lets each {one} count alike"
        )
        found.append(Finding(f"uneven {many}", "warning", text))
    return [*found, *_nameless(dataset)]


def without_names(dataset: Dataset) -> dict[str, Indices]:
    """The images of each split that have no class or label though there are some."""
    if not dataset.classes:
        return {}
    return {
        split: np.setdiff1d(np.arange(len(samples)), samples.targets.members()[0])
        for split, samples in dataset.splits.items()
    }


def _nameless(dataset: Dataset) -> list[Finding]:
    places: list[tuple[Place, ...]] = []
    for split, indices in without_names(dataset).items():
        places += [(Place(split, index),) for index in indices.tolist()]
    if not places:
        return []
    noun = dataset.targets.nouns[0]
    text = f"{plural(len(places), 'image')} without any {noun}; see whether that is meant"
    return [Finding(f"no {noun}", "note", text, tuple(places))]


def of_groups(dataset: Dataset) -> list[Finding]:
    """Groups (a patient, a video) with images in several splits."""
    places: dict[int, list[Place]] = {}
    for split, groups in dataset.groups.items():
        if split in dataset.splits and len(groups) == len(dataset.splits[split]):
            for index, group in enumerate(groups.tolist()):
                places.setdefault(group, []).append(Place(split, index))
    divided = [tuple(group) for group in places.values() if len({p.split for p in group}) > 1]
    if not divided:
        return []
    text = f"{plural(len(divided), 'group')} with images in several splits"
    return [Finding("groups across splits", "leak", text, tuple(divided))]
