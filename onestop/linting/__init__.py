"""A look at a data set before money is spent on it: `look_over` finds what is odd about it."""

from __future__ import annotations

from collections.abc import Callable

from onestop.data.dataset import Dataset
from onestop.linting.copies import exact_copies, near_copies
from onestop.linting.counts import class_rows, of_classes, of_groups, without_names
from onestop.linting.findings import Finding, Place, described, worst_first
from onestop.linting.images import of_images
from onestop.linting.inspection import look_at_all

__all__ = [
    "Finding", "Place", "Watch", "class_rows", "described", "look_over", "without_names",
]  # fmt: skip

Watch = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def look_over(dataset: Dataset, *, near: bool, workers: int, watch: Watch) -> list[Finding]:
    """Look at every image and at all of them together; leaks first.

    Args:
        dataset: Of images; nothing is held out of it.
        near: Whether near copies are looked for too, which takes time that grows with the square of
            the number of images.
        workers: Threads.
        watch: Told what is being done.
    """
    looks = look_at_all(dataset, workers, lambda done, total: watch("looking", done, total))
    found = exact_copies(looks, dataset)
    if near:
        found += near_copies(looks, dataset, workers, lambda d, t: watch("comparing", d, t))
    return worst_first(
        [*found, *of_groups(dataset), *of_images(looks, dataset), *of_classes(dataset)]
    )
