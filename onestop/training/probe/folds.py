"""Folds of a training split: of each class as evenly as possible, without dividing groups.

Legend: N samples, U units that stay together, K kinds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onestop.data.targets import Indices, Targets
from onestop.runtime.rng import key_for, permutation

FOLDS = 5


def folds_of(targets: Targets, groups: Indices | None, seed: int, count: int = FOLDS) -> Indices:
    """The fold of each sample, [N], from 0; as many folds as there are units if these are fewer.

    Units are groups (a patient, a video) if the source has any, else samples. Those that weigh most
    come first; each goes to the fold that has least of its classes or labels, in proportion to their
    numbers.

    Args:
        targets: Of the samples.
        groups: Of each sample, [N]; None if there are none.
        seed: Of the order of units that weigh alike.
        count: Folds.
    """
    members = np.arange(len(targets)) if groups is None else groups
    unit = np.unique(members, return_inverse=True)[1]
    counts = _counts(targets, unit)  # [U, K]
    shares = counts / np.maximum(counts.sum(0), 1)
    order = permutation(key_for(seed, "folds"), len(counts))
    order = order[np.argsort(-shares[order].sum(1), kind="stable")]
    filled = np.zeros((min(count, len(counts)), counts.shape[1]))
    sizes, fold = np.zeros(len(filled)), np.zeros(len(counts), np.int64)
    for number in order.tolist():
        need = filled @ shares[number]
        best = int(np.lexsort((sizes, need.round(12)))[0])
        fold[number] = best
        filled[best] += shares[number]
        sizes[best] += counts[number].sum()
    return fold[unit]


def _counts(targets: Targets, unit: Indices) -> NDArray[np.float64]:
    """Samples of each kind in each unit."""
    samples, kinds = targets.kinds()
    counts = np.zeros((int(unit.max(initial=-1)) + 1, int(kinds.max(initial=-1)) + 1))
    np.add.at(counts, (unit[samples], kinds), 1)
    return counts
