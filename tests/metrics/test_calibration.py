"""The reliability curve against scikit-learn's, and the error where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from onestop.metrics.calibration import calibration


def test_the_curve_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    right = rng.random(500) < scores**2
    found = calibration(scores, right, bins=10)
    accuracy, confidence = calibration_curve(right, scores, n_bins=10)
    full = found.counts > 0
    assert found.accuracy[full] == pytest.approx(accuracy)
    assert found.confidence[full] == pytest.approx(confidence)


def test_who_is_right_as_often_as_said_has_no_error() -> None:
    found = calibration([0.75] * 4 + [1.0] * 5, [True, True, True, False] + [True] * 5)
    assert found.error == pytest.approx(0)
    assert found.overconfidence == pytest.approx(0)


def test_who_is_always_sure_and_half_right_is_off_by_one_half() -> None:
    found = calibration([1.0] * 10, [True, False] * 5)
    assert found.error == pytest.approx(0.5)
    assert found.overconfidence == pytest.approx(0.5)
    assert found.counts.tolist() == [0] * 14 + [10]


def test_no_images_have_no_error() -> None:
    assert calibration([], []).error == 0
