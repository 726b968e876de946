"""The reliability curve against scikit-learn's, and the error where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from onestop.metrics.calibration import (
    calibration,
    calibration_interval,
    calibration_metrics,
    calibration_text,
)


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


def test_the_interval_holds_the_true_error_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = np.full(300, 0.9)
        low, high = calibration_interval(scores, rng.random(300) < 0.7)
        held += low <= 0.2 <= high
    assert held >= 34


def test_the_interval_of_well_calibrated_probabilities_reaches_down_to_nothing() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 1, 400)
    right = rng.random(400) < scores
    low, high = calibration_interval(scores, right)
    assert 0 <= low < 0.02
    assert high >= 0.9 * calibration(scores, right).error
    assert calibration_interval(scores, right) == (low, high)
    assert calibration_interval([], []) == (0, 0)


def test_metrics_have_both_errors_if_they_differ() -> None:
    raw, scores, right = [1.0] * 10, [0.5] * 10, [True, False] * 5
    both = calibration_metrics(raw, scores, right, calibrated=True)
    assert (both["error"], both["raw_error"]) == (pytest.approx(0), pytest.approx(0.5))
    assert "expected calibration error 0.0% (95% interval 0.0% to" in calibration_text(both)
    assert "before 50.0% (" in calibration_text(both)
    one = calibration_metrics(raw, raw, right, calibrated=False)
    assert sorted(one) == ["calibrated", "error", "high", "low"]
    assert calibration_text(one).startswith("probabilities are not calibrated: ")


@pytest.mark.parametrize("missing", ["error", "low", "calibrated", "raw_high"])
def test_of_a_damaged_file_nothing_is_said(missing: str) -> None:
    both = calibration_metrics([1.0], [0.5], [True], calibrated=True)
    del both[missing]
    if missing != "calibrated":
        assert calibration_text(both) == ""
    assert calibration_text({}) == ""


def test_probabilities_that_are_no_numbers_are_left_out() -> None:
    values = calibration_metrics([np.nan, 1.0], [0.5, 1.0], [True, True], calibrated=True)
    assert (values["error"], values["raw_error"]) == (0, 0)
