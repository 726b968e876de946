"""Forgotten, invented and misnamed objects, and what is no reason to doubt."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.doubtful import Doubtful, doubtful, doubtful_in
from onestop.metrics.objects import ImageObjects

HERE, THERE = (10, 10, 40, 40), (60, 60, 90, 90)
NEAR_HERE = (12, 10, 41, 42)


def objects(*rows: tuple[tuple[int, ...], int, float], crowd: bool = False) -> ImageObjects:
    """Rows of a box, a class and a score."""
    return ImageObjects(
        (100, 100),
        np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([k for _, k, _ in rows], np.int64),
        np.array([score for _, _, score in rows], np.float32),
        np.full(len(rows), crowd),
    )


def test_agreement_is_no_doubt() -> None:
    true = objects((HERE, 0, 1), (THERE, 1, 1))
    assert doubtful(true, objects((NEAR_HERE, 0, 0.9), (THERE, 1, 0.3))) == []
    assert doubtful(objects(), objects()) == []


def test_a_sure_object_where_nothing_is_annotated_was_forgotten() -> None:
    found = objects((HERE, 0, 0.99), (THERE, 0, 0.95), (THERE, 1, 0.5))
    (doubt,) = doubtful(objects((HERE, 0, 1)), found)
    assert (doubt.true, doubt.found) == (None, 1)
    assert doubt.score == pytest.approx(0.95)


def test_an_unsure_object_proves_nothing() -> None:
    assert doubtful(objects(), objects((HERE, 0, 0.6))) == []


def test_an_object_that_is_not_seen_at_all_may_be_invented() -> None:
    (doubt,) = doubtful(objects((HERE, 0, 1), (THERE, 0, 1)), objects((HERE, 0, 0.9)))
    assert doubt == Doubtful(1, None, 1.0)
    (faint,) = doubtful(objects((HERE, 0, 1)), objects((HERE, 0, 0.05)))
    assert faint.score == pytest.approx(0.95)


def test_an_object_of_another_class() -> None:
    (doubt,) = doubtful(objects((HERE, 0, 1)), objects((NEAR_HERE, 1, 0.9)))
    assert (doubt.true, doubt.found) == (0, 0)
    assert not doubtful(objects((HERE, 0, 1)), objects((NEAR_HERE, 1, 0.9), (HERE, 0, 0.4)))
    assert not doubtful(objects((HERE, 0, 1)), objects((NEAR_HERE, 1, 0.5)))


def test_crowds_are_neither_forgotten_nor_invented() -> None:
    crowd = objects(((0, 0, 100, 100), 0, 1), crowd=True)
    assert doubtful(crowd, objects((HERE, 0, 0.99))) == []
    assert doubtful(crowd, objects()) == []


def test_a_detector_that_misses_many_objects_of_a_class_is_no_judge_of_invented_ones() -> None:
    seen = (objects((HERE, 0, 1)), objects((HERE, 0, 0.9)))
    unseen = (objects((THERE, 0, 1)), objects((HERE, 1, 0.99)))
    forgotten = (1, Doubtful(None, 0, float(np.float32(0.99))))
    few = doubtful_in([seen, unseen, *[seen] * 8], 2)
    assert few == [forgotten, (1, Doubtful(0, None, 1.0))]
    assert doubtful_in([seen, unseen], 2) == [forgotten]
