"""Metrics as a task declares them."""

from __future__ import annotations

import doctest
import math

import pytest

from onestop.metrics import spec
from onestop.metrics.spec import LOSS, Metric


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(spec) == (0, 2)


@pytest.mark.parametrize(("metric", "better"), [(Metric("map", "mAP"), 0.6), (LOSS, 0.4)])
def test_better_follows_the_direction(metric: Metric, better: float) -> None:
    assert metric.better(better, 0.5)
    assert not metric.better(0.5, better)
    assert not metric.better(0.5, 0.5)


def test_ranks_follow_the_direction_and_no_value_is_the_last() -> None:
    assert Metric("map", "mAP").rank(0.6) > Metric("map", "mAP").rank(0.5)
    assert LOSS.rank(0.5) > LOSS.rank(0.6) > LOSS.rank(None) == LOSS.rank(math.nan)


def test_texts_have_as_many_digits_as_wanted() -> None:
    share = Metric("accuracy", "accuracy", percent=True)
    assert (share.text(0.98765), share.text(0.98765, 1)) == ("98.77%", "98.8%")
    assert LOSS.text(12345.678, 1) == "1.235e+04"
