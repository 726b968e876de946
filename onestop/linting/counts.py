"""Images per class or label and split, imbalance, images without labels, and groups across splits."""

from __future__ import annotations

import numpy as np

from onestop.data.dataset import Dataset
from onestop.linting.findings import Finding, Place
from onestop.text import listing, plural

_UNEVEN = 10  # ratio of the largest class to the smallest
_FEW = 10  # images per class


def class_rows(dataset: Dataset) -> list[dict[str, str | int]]:
    """One row per class or label: its name, and its number of images (and of objects) in each split."""
    counts = {split: dataset.counts(split) for split in dataset.splits}
    noun, _ = dataset.targets.nouns
    more = {
        f"{split} {what}": numbers
        for split, samples in dataset.splits.items()
        for what, numbers in samples.targets.tallies().items()
    }
    return [
        {noun: name, **{column: int(numbers[k]) for column, numbers in {**counts, **more}.items()}}
        for k, name in enumerate(dataset.classes)
    ]


def of_classes(dataset: Dataset) -> list[Finding]:
    """Classes missing from a split, with few training images, or with many more than others.

    The same for labels, and images that have none.
    """
    findings = []
    noun, nouns = dataset.targets.nouns
    counts = {split: dataset.counts(split) for split in dataset.splits}
    for split, images in counts.items():
        if missing := [dataset.classes[k] for k in np.flatnonzero(images == 0)]:
            text = f"split {split!r} has no images of {listing(missing)}"
            findings.append(Finding(f"missing {nouns}", "warning", text))
    train = counts.get("train", next(iter(counts.values())))
    if few := [f"{dataset.classes[k]} {train[k]}" for k in np.flatnonzero(train < _FEW)]:
        text = f"{plural(len(few), noun, nouns)} with under {_FEW} images: {listing(few)}"
        findings.append(Finding("few images", "warning", text))
    if len(train) > 1 and train.max() >= _UNEVEN * max(train.min(), 1):
        most, least = (dataset.classes[int(k)] for k in (train.argmax(), train.argmin()))
        text = (
            f"{noun} {most!r} has {train.max():,} images and {least!r} {train.min():,}; "
            f"--balance loss weights the {nouns} equally"
        )
        findings.append(Finding(f"uneven {nouns}", "warning", text))
    return [*findings, *_unlabelled(dataset)]


def _unlabelled(dataset: Dataset) -> list[Finding]:
    places = [
        (Place(split, index),)
        for split, samples in dataset.splits.items()
        for index in samples.targets.unlabelled().tolist()
    ]
    if not places:
        return []
    noun, _ = dataset.targets.nouns
    text = f"{plural(len(places), 'image')} without any {noun}; check whether that is intended"
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
