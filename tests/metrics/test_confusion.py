"""The confusion matrix, its worst pairs, and the part of it that is shown."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from onestop.metrics.confusion import confused_pairs, confusion_matrix, most_confused


def test_counts_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    classes = ["ant", "bee", "=cmd()"]
    truths, said = rng.choice(classes, 60).tolist(), rng.choice(classes, 60).tolist()
    theirs = sk.confusion_matrix(truths, said, labels=classes)
    assert (confusion_matrix(truths, said, classes) == theirs).all()


def test_a_class_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        confusion_matrix(["ant"], ["wasp"], ["ant", "bee"])


def test_the_worst_pairs_come_first_and_hits_are_none() -> None:
    matrix = np.array([[9, 1, 0], [4, 9, 0], [2, 0, 9]])
    assert confused_pairs(matrix) == [(1, 0, 4), (2, 0, 2), (0, 1, 1)]
    assert confused_pairs(matrix, 1) == [(1, 0, 4)]


def test_few_classes_stay_as_they_are() -> None:
    assert most_confused(np.eye(4, dtype=np.int64), 10) == [0, 1, 2, 3]


def test_of_many_classes_those_of_the_worst_pairs_stay_side_by_side() -> None:
    matrix = 10 * np.eye(100, dtype=np.int64)
    for one, other, count in ((3, 90, 7), (17, 50, 6), (90, 3, 2), (8, 9, 1)):
        matrix[one, other] = count
    chosen = most_confused(matrix, 5)
    assert set(chosen) >= {3, 90, 17, 50}
    assert len(chosen) == 5, "filled up with another class"
    assert abs(chosen.index(3) - chosen.index(90)) == 1
    assert abs(chosen.index(17) - chosen.index(50)) == 1


def test_a_thousand_classes_that_are_never_confused_still_give_some() -> None:
    assert len(most_confused(np.eye(1000, dtype=np.int64), 20)) == 20
