from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.ap_intervals import ap_difference, ap_interval
from onestop.metrics.matches import Matches, average_precisions, matches_of
from onestop.metrics.objects import ImageObjects
from tests.detection_made import near, random_truth


def made(seed: int, jitter: float = 0.1, images: int = 15) -> Matches:
    rng = np.random.default_rng(3)
    truths = [random_truth(rng, crowd=False) for _ in range(images)]
    rng = np.random.default_rng(seed)
    return matches_of(truths, [near(rng, true, jitter=jitter) for true in truths], 3)


def test_an_interval_holds_the_value_and_is_the_same_each_time() -> None:
    matches = made(0)
    low, high = ap_interval(matches)
    assert low < float(np.nanmean(average_precisions(matches))) < high
    assert (low, high) == ap_interval(matches)


def test_a_better_detector_is_better_in_every_resample() -> None:
    low, high = ap_difference(made(0, jitter=0.3), made(0, jitter=0.0))
    assert 0 < low < high
    assert ap_difference(made(0), made(0)) == (0, 0)


def test_without_objects_there_is_none() -> None:
    empty = [ImageObjects((5, 5))]
    assert ap_interval(matches_of(empty, empty, 2)) == (0, 0)


def test_more_images_make_it_narrower() -> None:
    few, many = (ap_interval(made(0, images=count)) for count in (8, 60))
    assert many[1] - many[0] < few[1] - few[0]
    assert pytest.approx(few[0], abs=0.5) == many[0]
