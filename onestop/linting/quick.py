"""The cheap checks, run before every training: exact copies, classes and groups, without decoding."""

from __future__ import annotations

from collections.abc import Hashable

from onestop.data.dataset import Dataset
from onestop.linting.copies import copy_findings, group_by_key
from onestop.linting.counts import of_classes, of_groups
from onestop.linting.findings import Finding, Place, worst_first

_REPORTED = ("leak", "warning")


def quick_lint(dataset: Dataset) -> list[Finding]:
    """Exact copies, classes and groups.

    Only files of equal size are read, and their contents are compared.
    """
    copies = group_by_key(_contents(dataset))
    return worst_first([
        *copy_findings(copies, dataset, "copies", "exact copies of each other"),
        *of_groups(dataset),
        *of_classes(dataset),
    ])  # fmt: skip


def warning(dataset: Dataset) -> str:
    """The leaks and warnings of the quick checks in one line; empty if there are none."""
    texts = [finding.text for finding in quick_lint(dataset) if finding.level in _REPORTED]
    new = [text for text in texts if text not in dataset.notes]  # the others are printed as notes
    return f"warning: {'; '.join(new)} (details: onestop lint)" if new else ""


def _contents(dataset: Dataset) -> dict[Place, Hashable]:
    """A hash of the content of each image that may have a copy, if it is cheap to compute."""
    sizes: dict[Place, Hashable] = {}
    contents: dict[Place, Hashable] = {}
    for split, samples in dataset.splits.items():
        if samples.in_memory and samples.is_image:
            contents |= {Place(split, i): samples.digest(i) for i in range(len(samples))}
            continue
        for index in range(len(samples)):
            if size := samples.size(index):
                sizes[Place(split, index)] = size
    for place in (place for group in group_by_key(sizes) for place in group):
        try:
            contents[place] = dataset.splits[place.split].digest(place.index)
        except OSError:
            continue  # reported when it is read
    return contents
