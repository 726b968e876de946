"""Outliers among features: against the plain formula, at their rate, and in odd cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from onestop.metrics.outliers import BYTES, FEWEST, learn

Floats = np.ndarray


def around(images: int, width: int, seed: int = 0, towards: int = 0) -> Floats:
    """Features around one direction, of varying length and spread."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(1, 0.1, width)
    middle = np.zeros(width)
    middle[towards] = 5
    return middle + spread * rng.normal(size=(images, width))


def test_it_is_mahalanobis_distance_with_ledoit_and_wolfs_covariance() -> None:
    features, others = around(300, 10), around(50, 10, 1)
    learned = learn(features, others)
    assert learned is not None
    assert len(learned.variances) == 10, "all directions"
    lengths = np.linalg.norm(features, axis=1)
    away = others / np.linalg.norm(others, axis=1)[:, None]
    ours = learned.distances(others)
    logs = (np.log(np.linalg.norm(others, axis=1)) - np.log(lengths).mean()) ** 2
    wanted = LedoitWolf().fit(features / lengths[:, None]).mahalanobis(away)
    assert ours == pytest.approx(wanted + logs / np.log(lengths).var(), rel=0.02)


def test_others_are_flagged_and_one_in_twenty_of_the_same_kind() -> None:
    learned = learn(around(500, 40), around(400, 40, 1))
    assert learned is not None
    assert learned.flags(around(4000, 40, 2)).mean() == pytest.approx(0.05, abs=0.03)
    assert learned.flags(around(100, 40, 3, towards=20)).all()
    assert learned.flags(100 * around(100, 40, 4)).all(), "another length"
    assert learned.flags(np.zeros((1, 40))).all()
    assert learned.flags(np.full((1, 40), np.nan)).all()


def test_false_alarms_are_rare_on_average_however_few_held_out_images_there_are() -> None:
    alarms = []
    for seed in range(200):
        learned = learn(around(60, 8, 3 * seed), around(FEWEST, 8, 3 * seed + 1))
        assert learned is not None
        alarms.append(learned.flags(around(200, 8, 3 * seed + 2)).mean())
    assert np.mean(alarms) <= 0.055


@pytest.mark.parametrize(("train", "held_out"), [(FEWEST - 1, 50), (50, FEWEST - 1), (0, 0)])
def test_few_images_teach_nothing(train: int, held_out: int) -> None:
    assert learn(around(train, 5), around(held_out, 5, 1)) is None


@pytest.mark.parametrize("width", [1, 3, 84, 1280, 4096, 4102])
def test_it_stays_small(width: int) -> None:
    learned = learn(around(40, width), around(40, width, 1))
    assert learned is not None
    assert learned.mean.nbytes + learned.directions.nbytes <= BYTES
    assert np.isfinite(learned.distances(around(5, width, 2))).all()


def test_features_without_any_spread_flag_whatever_differs() -> None:
    same = np.tile([1.0, 2.0, 3.0], (50, 1))
    learned = learn(same, same)
    assert learned is not None
    assert learned.flags(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).tolist() == [False, True]


def test_training_features_that_are_no_numbers_are_left_out() -> None:
    features = around(60, 6)
    features[3, 2] = np.inf
    learned = learn(features, around(40, 6, 1))
    assert learned is not None
    assert learned.images == 59


def test_held_out_features_that_are_no_numbers_count_as_far_away() -> None:
    held_out = around(FEWEST, 6, 1)
    held_out[0] = np.nan
    assert learn(around(60, 6), held_out) is None, "the threshold would be none"
    more = np.concatenate([held_out, around(100, 6, 2)])
    assert learn(around(60, 6), more) is not None


def test_equal_features_give_equal_bits() -> None:
    one, other = (learn(around(100, 50), around(50, 50, 1)) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.threshold == other.threshold
    assert one.directions.tobytes() == other.directions.tobytes()
