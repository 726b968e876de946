"""Hold-out splits: stratified by class, reproducible, and without dividing groups.

Legend: K names.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from onestop.data.dataset import Dataset
from onestop.data.stratification import stratified
from onestop.data.targets import Indices, Targets
from onestop.errors import DataError
from onestop.runtime.rng import key_for, permutation

_GROUPS_TRIED = 2000  # over all random orders; with many groups a single order suffices


def hold_out(dataset: Dataset, name: str, fraction: float, seed: int) -> Dataset:
    """Move a fraction of the training split to a new split `name`.

    The fraction applies per class, rounded, with at least one image of a class that has two or more;
    the only image of a class stays in training. If images have several labels, it applies to each label
    and to the images without any, as closely as possible. If the source has groups (a patient, a
    video), whole groups are moved.

    Args:
        dataset: Has a split `train`, and no split `name`.
        name: `val` or `test`.
        fraction: In (0, 1).
        seed: Selects the images.

    Raises:
        DataError: There are too few images or groups to hold any out.
    """
    train, key = dataset.splits["train"], key_for(seed, "hold out", name)
    groups, strata = dataset.groups.get("train"), train.targets.strata()
    if groups is not None:
        mask = _by_group(train.targets, groups, fraction, key)
    elif strata is not None:
        mask = _by_stratum(strata, fraction, key)
    elif train.targets.names:
        mask = stratified(*_members(train.targets), len(train), fraction, key)
    else:
        order = permutation(key, len(train))
        mask = np.zeros(len(train), dtype=bool)
        mask[order[: max(1, round(fraction * len(train)))]] = True
    if not mask.any() or mask.all():
        count = f"{len(train)} training images"
        count += f" in {len(np.unique(groups))} groups" if groups is not None else ""
        raise DataError(
            f"{dataset.name}: {count} are too few to hold out {fraction:g} of them; add images, "
            "change the fraction, or train on all with --val-fraction 0"
        )
    parts = {"train": np.flatnonzero(~mask), name: np.flatnonzero(mask)}
    splits = {**dataset.splits, **{part: train.take(indices) for part, indices in parts.items()}}
    note = f"{mask.sum()} of {len(mask)} training images are held out as split {name!r}"
    new_groups = {} if groups is None else {part: groups[at] for part, at in parts.items()}
    dataset = replace(dataset, groups={**dataset.groups, **new_groups})
    return dataset.with_splits(splits, note)


def _by_stratum(strata: Indices, fraction: float, key: int) -> NDArray[np.bool_]:
    mask = np.zeros(len(strata), dtype=bool)
    for number in np.unique(strata):
        members = np.flatnonzero(strata == number)
        count = min(len(members) - 1, max(1, round(fraction * len(members))))
        mask[members[permutation(key + int(number), len(members))[:count]]] = True
    return mask


def _members(targets: Targets) -> tuple[Indices, Indices]:
    """As `Targets.members`, with an additional name, numbered K, for the samples without any."""
    samples, numbers = targets.members()
    without = np.setdiff1d(np.arange(len(targets)), samples)
    extra = np.full(len(without), len(targets.names))
    return np.concatenate([samples, without]), np.concatenate([numbers, extra])


def _by_group(targets: Targets, groups: Indices, fraction: float, key: int) -> NDArray[np.bool_]:
    """Select whole groups so that the held-out part of each class is close to the fraction.

    Greedy in a random order: a group is taken if that reduces the error and every class keeps images
    in training. The best of several orders is used. Images without a class count as one class.
    """
    names, group = np.unique(groups, return_inverse=True)
    samples, classes = _members(targets)
    counts = np.zeros((len(names), int(classes.max(initial=0)) + 1))  # [groups, K]
    np.add.at(counts, (group[samples], classes), 1)
    counts = counts[:, counts.any(axis=0)]
    total = counts.sum(axis=0)

    def error(held: NDArray[np.float64]) -> float:
        return float(np.square(held / total - fraction).sum())

    def attempt(key: int) -> tuple[float, NDArray[np.bool_]]:
        held, taken = np.zeros_like(total), np.zeros(len(names), dtype=bool)
        for number in permutation(key, len(names)):
            after = held + counts[number]
            if (after < total).all() and error(after) < error(held):
                held, taken[number] = after, True
        return error(held), taken

    attempts = max(1, _GROUPS_TRIED // len(names))
    _, taken = min((attempt(key + n) for n in range(attempts)), key=lambda result: result[0])
    return taken[group]
