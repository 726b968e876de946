"""Temperatures, scales and biases: against a search of all values, and where they must do nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from onestop.metrics import scaling
from onestop.metrics.scaling import FEWEST, fit_scale_and_bias, fit_temperature

Floats = np.ndarray


def drawn(images: int, factor: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Logits that are overconfident by a factor, of five classes, and the true classes."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 5, images)
    logits = rng.normal(size=(images, 5))
    logits[np.arange(images), targets] += 2
    return 2 * factor * logits, targets


def loss(logits: Floats, targets: Floats) -> float:
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(-logs[np.arange(len(logits)), targets].mean())


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_the_temperature_is_that_of_the_lowest_loss(factor: float) -> None:
    logits, targets = drawn(2000, factor)
    best = minimize_scalar(lambda t: loss(logits / t, targets), bounds=(0.05, 20), method="bounded")
    found = fit_temperature(logits, targets)
    assert found == pytest.approx(best.x, rel=0.01)
    assert found == pytest.approx(factor, rel=0.15)
    assert loss(logits / found, targets) < loss(logits, targets)


def test_equal_outputs_give_equal_bits() -> None:
    assert fit_temperature(*drawn(200, 2)) == fit_temperature(*drawn(200, 2)) != 1


def test_with_few_images_there_is_none() -> None:
    logits, targets = drawn(FEWEST - 1, 5)
    assert fit_temperature(logits, targets) == 1
    assert fit_temperature(*drawn(FEWEST, 5)) != 1
    assert fit_scale_and_bias(logits, logits > 0) == (1, 0)
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, np.int64)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_it_is_never_worse_than_none_on_its_own_images(seed: int) -> None:
    logits, targets = drawn(60, 1 + seed / 20, seed)
    assert loss(logits / fit_temperature(logits, targets), targets) <= loss(logits, targets)


def test_images_that_are_all_right_do_not_ask_for_certainty() -> None:
    logits = np.eye(3)[np.arange(90) % 3]
    found = fit_temperature(logits, np.arange(90) % 3)
    assert 0.05 < found < 1, "surer, but finite"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_change_nothing(value: float) -> None:
    logits, targets = drawn(100, 3)
    logits[5, 2] = value
    assert fit_temperature(logits, targets) == 1
    assert fit_scale_and_bias(logits, logits > 0) == (1, 0)


def test_equal_outputs_for_everything_change_nothing() -> None:
    assert fit_temperature(np.ones((100, 4)), np.arange(100) % 4) == 1


def test_a_single_class_needs_no_temperature() -> None:
    assert fit_temperature(np.ones((100, 1)), np.zeros(100, np.int64)) == 1


def test_scale_and_bias_are_those_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    logits = 4 * rng.normal(size=(1000, 3))
    truth = rng.random(logits.shape) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    scale, bias = fit_scale_and_bias(logits, truth)
    model = LogisticRegression(C=1e9).fit(logits.reshape(-1, 1), truth.ravel())
    assert scale == pytest.approx(model.coef_[0, 0], rel=0.02)
    assert bias == pytest.approx(model.intercept_[0], rel=0.02)


@pytest.mark.parametrize("truth", [np.zeros((50, 2), bool), np.ones((50, 2), bool)])
def test_labels_that_all_or_no_images_have_stay_finite(truth: Floats) -> None:
    scale, bias = fit_scale_and_bias(np.random.default_rng(0).normal(size=(50, 2)), truth)
    assert 0 < scale < 20
    assert np.isfinite(bias)


def test_outputs_that_point_the_wrong_way_are_left_alone() -> None:
    logits = np.random.default_rng(0).normal(size=(100, 2))
    assert fit_scale_and_bias(logits, logits < 0) == (1, 0), "a negative scale would change labels"


def test_of_very_many_images_every_second_or_third_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = drawn(1001, 2)
    monkeypatch.setattr(scaling, "_VALUES", 2 * logits.size // 5)
    assert fit_temperature(logits, targets) == fit_temperature(logits[::3], targets[::3]) != 1
