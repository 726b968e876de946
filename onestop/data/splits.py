"""Holding images out: class by class, reproducibly, and never a group on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onestop.data.dataset import Dataset
from onestop.data.samples import Targets
from onestop.errors import DataError, UsageError
from onestop.randomness import key_for, permutation


def hold_out(dataset: Dataset, name: str, fraction: float, seed: int) -> Dataset:
    """Move a part of the training split into a new split `name`.

    Of each class `fraction` of the images is held out, rounded, but at least one where the class
    has two or more; a class with a single image stays whole in training. Where the source names
    groups (a patient, a video), whole groups are moved.

    Args:
        dataset: Has a split `train` and none of that name.
        name: `val` or `test`.
        fraction: In (0, 1).
        seed: Other seeds give other parts.

    Raises:
        DataError: There are too few images or groups to hold any out.
    """
    train = dataset.splits["train"]
    if "train" in dataset.groups:
        mask = _by_group(train.targets, dataset.groups["train"], fraction, seed)
    elif dataset.classes:
        mask = _by_class(train.targets, fraction, key_for(seed, "hold out", name))
    else:
        order = permutation(key_for(seed, "hold out", name), len(train))
        mask = np.zeros(len(train), dtype=bool)
        mask[order[: max(1, round(fraction * len(train)))]] = True
    if not mask.any() or mask.all():
        raise DataError(
            f"{dataset.name}: {len(train)} training images are too few to hold out {fraction:g} of "
            f"them; add images, or train on all with --val-fraction 0"
        )
    splits = {
        **dataset.splits,
        "train": train.take(np.flatnonzero(~mask)),
        name: train.take(np.flatnonzero(mask)),
    }
    note = f"{mask.sum()} of {len(mask)} training images are held out as split {name!r}"
    return dataset.with_splits(splits, note)


def _by_class(targets: Targets, fraction: float, key: int) -> NDArray[np.bool_]:
    mask = np.zeros(len(targets), dtype=bool)
    for number in np.unique(targets):
        members = np.flatnonzero(targets == number)
        count = max(1, round(fraction * len(members))) if len(members) > 1 else 0
        mask[members[permutation(key + int(number), len(members))[:count]]] = True
    return mask


def _by_group(
    targets: Targets, groups: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    from sklearn.model_selection import StratifiedGroupKFold

    folds = max(2, round(1 / fraction))
    if len(np.unique(groups)) < folds:
        raise UsageError(
            f"--val-fraction {fraction:g}: needs {folds} groups, the source has "
            f"{len(np.unique(groups))}; hold out a larger part"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, held_out = next(splitter.split(targets, targets, groups))
    mask = np.zeros(len(targets), dtype=bool)
    mask[held_out] = True
    return mask
