"""Intervals of mean average precision: compared with resamples made by hand, and their coverage."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from onestop.metrics.map_intervals import map_difference, map_interval, resampled_map
from onestop.metrics.multilabel import Flags, Scores, average_precision


def data(images: int, labels: int, seed: int = 0, levels: int = 0) -> tuple[Scores, Flags]:
    rng = np.random.default_rng(seed)
    truth = rng.random((images, labels)) < 0.3
    scores = np.clip(0.7 * rng.random((images, labels)) + 0.3 * truth, 0, 1).astype(np.float32)
    return (np.round(scores * levels) / levels if levels else scores), truth


@pytest.mark.parametrize("levels", [0, 4])
def test_a_resample_has_the_mean_average_precision_of_its_images(levels: int) -> None:
    scores, truth = data(60, 3, levels=levels)
    values = resampled_map([scores], truth, seed=5)[0]
    rng = np.random.default_rng(5)
    drawn = rng.integers(0, 60, (1000, 60))
    for resample in (0, 1, 500, 999):
        rows = drawn[resample]
        expected = average_precision_score(truth[rows], scores[rows], average="macro")
        assert values[resample] == pytest.approx(expected, abs=1e-9)


def test_a_label_without_positive_images_in_a_resample_is_left_out_of_its_mean() -> None:
    scores, truth = data(40, 2)
    truth[:, 1] = False
    truth[0, 1] = True
    scores[0, 1] = 0.0  # the lowest of all scores
    both = resampled_map([scores], truth)[0]
    without = resampled_map([scores[:, :1]], truth[:, :1])[0]
    lacks = both == without
    assert 200 < lacks.sum() < 550  # (1 - 1/40) ** 40 = 36 %
    assert (both[~lacks] < without[~lacks]).all()


def test_the_interval_contains_the_value_and_shrinks_with_more_images() -> None:
    widths = []
    for images in (100, 400, 1600):
        scores, truth = data(images, 4)
        low, high = map_interval(scores, truth)
        assert low < average_precision(scores, truth).mean() < high
        widths.append(high - low)
    assert widths[0] / widths[2] == pytest.approx(4, rel=0.3)


def test_the_coverage_is_close_to_95_percent() -> None:
    everything = data(50_000, 2)
    true = average_precision(*everything).mean()
    covered = 0
    for k in range(100):
        rows = slice(300 * k, 300 * k + 300)
        low, high = map_interval(everything[0][rows], everything[1][rows])
        covered += low <= true <= high
    assert covered >= 88  # 95 are expected; the standard deviation is about 2


def test_the_difference_of_a_model_from_itself_is_zero() -> None:
    scores, truth = data(200, 3)
    assert map_difference(scores, scores, truth) == (0, 0)


def test_a_small_difference_is_significant_though_the_intervals_of_both_models_overlap() -> None:
    scores, truth = data(500, 5)
    better = np.clip(scores + 0.03 * truth, 0, 1)
    low, high = map_difference(scores, better, truth)
    assert 0 < low < high
    assert map_difference(better, scores, truth) == (-high, -low)
    assert map_interval(scores, truth)[1] > map_interval(better, truth)[0]


def test_the_same_seed_gives_the_same_interval() -> None:
    scores, truth = data(100, 3)
    assert map_interval(scores, truth) == map_interval(scores, truth)
    assert map_interval(scores, truth) != map_interval(scores, truth, seed=1)


@pytest.mark.parametrize(("images", "labels"), [(0, 2), (3, 0), (3, 2)])
def test_no_images_no_labels_and_no_positives_give_zero(images: int, labels: int) -> None:
    scores = np.zeros((images, labels))
    assert map_interval(scores, scores.astype(bool)) == (0, 0)


def test_many_images_take_seconds() -> None:
    scores, truth = data(50_000, 20)
    begun = time.perf_counter()
    low, high = map_interval(scores, truth)
    assert high - low < 0.01
    assert time.perf_counter() - begun < 60  # six on an idle core
