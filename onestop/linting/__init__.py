"""Data set linting: `lint_dataset` finds copies, leaks, damaged images and class imbalance."""

from __future__ import annotations

from collections.abc import Callable

from onestop.data.dataset import Dataset
from onestop.data.pixel_values import SplitRange
from onestop.linting.copies import exact_copies, near_copies
from onestop.linting.counts import class_rows, of_classes, of_groups
from onestop.linting.findings import Finding, Place, described, worst_first
from onestop.linting.images import of_images, of_values
from onestop.linting.inspection import inspect_all
from onestop.linting.targets import doubtful_targets

__all__ = [
    "Finding", "Place", "Watch", "class_rows", "described", "lint_dataset", "training_range",
]  # fmt: skip

Watch = Callable[[str, int, int], None]
"""Progress callback: the current stage, the items done and the total."""


def lint_dataset(
    dataset: Dataset, *, near: bool, workers: int, watch: Watch, found: SplitRange | None = None
) -> list[Finding]:
    """Inspect every image and compare all of them; leaks come first.

    Args:
        dataset: A data set of images, without a held-out validation split.
        near: Whether to search for near copies too, in time quadratic in the number of images.
        workers: Threads.
        watch: Progress callback.
        found: The pixel range of the training images; by default it is found first.
    """
    found = found or training_range(dataset, workers)
    inspections = inspect_all(
        dataset, workers, lambda done, total: watch("inspecting", done, total), found.pixel_range
    )
    copies = exact_copies(inspections, dataset)
    if near:
        copies += near_copies(inspections, dataset, workers, lambda d, t: watch("comparing", d, t))
    return worst_first([
        *copies, *of_groups(dataset), *of_images(inspections, dataset), *of_values(found),
        *of_classes(dataset), *doubtful_targets(dataset),
    ])  # fmt: skip


def training_range(dataset: Dataset, workers: int) -> SplitRange:
    """The pixel range of the training split, or of the first."""
    first = next(iter(dataset.splits.values()))
    return SplitRange.of(dataset.splits.get("train", first), workers)
