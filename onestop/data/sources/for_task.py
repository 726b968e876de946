"""Targets of one task read as those of another: names as numbers, numbers as names."""

from __future__ import annotations

from onestop.data.dataset import Dataset
from onestop.data.sources.as_task import Labels, check_task, read_labels


def for_task(dataset: Dataset, task: str | None, *, for_training: bool = True) -> Dataset:
    """A data set with its targets read as those of another task; the same if it has them already.

    Raises:
        UsageError: No such task.
        DataError: A target that is none of the task's.
    """
    check_task(task)
    if task is None or task == dataset.task:
        return dataset
    words = {
        s: [part.targets.words(k) for k in range(len(part))] for s, part in dataset.splits.items()
    }
    labels = Labels(
        words, lambda split, k: f"{dataset.name}: {dataset.splits[split].name(k)}", dataset.name,
        for_training=for_training,
    )  # fmt: skip
    targets = read_labels(labels, task)
    return dataset.with_splits({
        split: samples.with_targets(targets[split]) for split, samples in dataset.splits.items()
    })  # fmt: skip
