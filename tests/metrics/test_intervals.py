"""Intervals against SciPy's, and by how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from onestop.metrics.intervals import paired, root_mean, wilson


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (5, 5), (1, 3), (141, 153), (9321, 10000)])
def test_wilson_is_scipys(hits: int, count: int) -> None:
    low, high = wilson(hits, count)
    theirs = binomtest(hits, count).proportion_ci(method="wilson")
    assert (float(low), float(high)) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_takes_many_shares_at_once_and_knows_nothing_of_none() -> None:
    low, high = wilson([0, 3, 10], [0, 4, 10])
    assert (low[0], high[0]) == pytest.approx((0.0, 1.0))
    assert low[1] < 0.75 < high[1]
    assert low[2] > 0.7
    assert high[2] == pytest.approx(1.0)


@pytest.mark.thorough
def test_an_interval_of_errors_holds_the_truth_about_19_times_in_20() -> None:
    held = 0
    for seed in range(100):
        errors = np.random.default_rng(seed).normal(0, 2.0, 300)
        low, high = root_mean(errors**2)
        held += low <= 2.0 <= high
    assert 88 <= held <= 99


def test_no_errors_at_all_have_an_interval_of_nothing() -> None:
    assert root_mean([]) == (0.0, 0.0)


def test_two_models_are_told_apart_by_the_images_they_differ_on() -> None:
    first = np.array([True] * 80 + [True] * 3 + [False] * 12 + [False] * 5)
    second = np.array([True] * 80 + [False] * 3 + [True] * 12 + [False] * 5)
    found = paired(first, second)
    assert (found.both, found.only_first, found.only_second, found.neither) == (80, 3, 12, 5)
    assert found.difference == pytest.approx(0.09)
    assert found.low < 0.09 < found.high
    assert found.p == pytest.approx(binomtest(3, 15, 0.5).pvalue)
    assert found.p == pytest.approx(0.0352, abs=1e-4), "the figure of any table of McNemar's test"


def test_a_model_does_not_differ_from_itself() -> None:
    right = np.array([True, False, True])
    found = paired(right, right)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
