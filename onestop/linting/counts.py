"""Images per class and split, class imbalance, and groups across splits."""

from __future__ import annotations

import numpy as np

from onestop.data.dataset import Dataset
from onestop.linting.findings import Finding, Place
from onestop.text import listing, plural

_UNEVEN = 10  # ratio of the largest class to the smallest
_FEW = 10  # images per class


def class_rows(dataset: Dataset) -> list[dict[str, str | int]]:
    """One row per class: its name and its number of images in each split."""
    counts = {split: dataset.counts(split) for split in dataset.splits}
    return [
        {"class": name, **{split: int(images[k]) for split, images in counts.items()}}
        for k, name in enumerate(dataset.classes)
    ]


def of_classes(dataset: Dataset) -> list[Finding]:
    """Classes missing from a split, with few training images, or with many more than others."""
    findings = []
    counts = {split: dataset.counts(split) for split in dataset.splits}
    for split, images in counts.items():
        if missing := [dataset.classes[k] for k in np.flatnonzero(images == 0)]:
            text = f"split {split!r} has no images of {listing(missing)}"
            findings.append(Finding("missing classes", "warning", text))
    train = counts.get("train", next(iter(counts.values())))
    if few := [f"{dataset.classes[k]} {train[k]}" for k in np.flatnonzero(train < _FEW)]:
        text = f"{plural(len(few), 'class', 'classes')} with under {_FEW} images: {listing(few)}"
        findings.append(Finding("few images", "warning", text))
    if len(train) > 1 and train.max() >= _UNEVEN * max(train.min(), 1):
        most, least = (dataset.classes[int(k)] for k in (train.argmax(), train.argmin()))
        text = (
            f"class {most!r} has {train.max():,} images and {least!r} {train.min():,}; "
            "--balance loss weights the classes equally"
        )
        findings.append(Finding("uneven classes", "warning", text))
    return findings


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
