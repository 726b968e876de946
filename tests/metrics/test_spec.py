"""Metrics as a task declares them."""

from __future__ import annotations

import doctest

import pytest

from onestop.metrics import spec
from onestop.metrics.spec import LOSS, Metric


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(spec) == (0, 1)


@pytest.mark.parametrize(("metric", "better"), [(Metric("map", "mAP"), 0.6), (LOSS, 0.4)])
def test_better_follows_the_direction(metric: Metric, better: float) -> None:
    assert metric.better(better, 0.5)
    assert not metric.better(0.5, better)
    assert not metric.better(0.5, 0.5)
