"""Folds of a training split."""

from __future__ import annotations

import numpy as np

from onestop.data.multihot import Multihot
from onestop.data.targets import Classes, Numbers
from onestop.training.probe.folds import folds_of


def test_each_class_is_spread_evenly() -> None:
    targets = Classes(np.repeat([0, 1, 2], [23, 10, 5]), ("a", "b", "c"))
    folds = folds_of(targets, None, seed=0)
    for k, least in enumerate((4, 2, 1)):
        counts = np.bincount(folds[targets.values == k], minlength=5)
        assert counts.min() == least
        assert counts.max() <= least + 1


def test_groups_stay_together() -> None:
    targets = Classes(np.tile([0, 1], 30), ("a", "b"))
    groups = np.repeat(np.arange(12), 5)
    folds = folds_of(targets, groups, seed=3)
    for group in range(12):
        assert len(set(folds[groups == group])) == 1
    assert set(folds) == set(range(5))


def test_labels_are_spread_evenly() -> None:
    values = np.zeros((40, 3), bool)
    values[:20, 0] = values[10:30, 1] = values[35:, 2] = True
    folds = folds_of(Multihot(values, ("a", "b", "c")), None, seed=0)
    for k, expected in enumerate((4, 4, 1)):
        assert (np.bincount(folds[values[:, k]], minlength=5) == expected).all()


def test_numbers_of_all_sizes_are_in_every_fold() -> None:
    values = np.arange(50, dtype=np.float32)
    folds = folds_of(Numbers(values), None, seed=0)
    for fold in range(5):
        assert values[folds == fold].min() < 10
        assert values[folds == fold].max() >= 40


def test_they_depend_on_the_seed_alone() -> None:
    targets = Classes(np.arange(60) % 3, ("a", "b", "c"))
    assert (folds_of(targets, None, 1) == folds_of(targets, None, 1)).all()
    assert (folds_of(targets, None, 1) != folds_of(targets, None, 2)).any()


def test_few_samples_are_a_fold_each() -> None:
    assert sorted(folds_of(Classes(np.array([0, 1, 0]), ("a", "b")), None, 0)) == [0, 1, 2]
