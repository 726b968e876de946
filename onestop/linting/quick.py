"""The cheap half of a look at the data, which training takes by itself: no image is decoded."""

from __future__ import annotations

from collections.abc import Hashable

from onestop.data.dataset import Dataset
from onestop.linting.copies import same, sort_out
from onestop.linting.counts import of_classes, of_groups
from onestop.linting.findings import Finding, Place, worst_first

_WORTH_A_WORD = ("leak", "warning")


def quick_look(dataset: Dataset) -> list[Finding]:
    """Exact copies, classes and groups.

    Of files only those of equal size are read, and compared byte by byte.
    """
    return worst_first([
        *sort_out(same(_contents(dataset)), dataset, "copies", "exact copies of each other"),
        *of_groups(dataset),
        *of_classes(dataset),
    ])  # fmt: skip


def warning(dataset: Dataset) -> str:
    """What a quick look found, in one line; empty where there is nothing to fear."""
    found = [finding for finding in quick_look(dataset) if finding.level in _WORTH_A_WORD]
    said = [finding.text for finding in found if finding.text not in dataset.notes]  # said already
    return f"warning: {'; '.join(said)} (onestop lint tells more)" if said else ""


def _contents(dataset: Dataset) -> dict[Place, Hashable]:
    """A hash of each image's content, if that is cheap to have and another image may have the same."""
    sizes: dict[Place, Hashable] = {}
    contents: dict[Place, Hashable] = {}
    for split, samples in dataset.splits.items():
        if samples.in_memory and samples.is_image:
            contents |= {Place(split, i): samples.digest(i) for i in range(len(samples))}
            continue
        for index in range(len(samples)):
            if size := samples.size(index):
                sizes[Place(split, index)] = size
    for place in (place for group in same(sizes) for place in group):
        try:
            contents[place] = dataset.splits[place.split].digest(place.index)
        except OSError:
            continue  # named when it is read
    return contents
