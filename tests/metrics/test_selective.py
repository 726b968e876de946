"""Guarantees of an error rate: that they hold, by simulation, and what they need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from onestop.metrics import selective
from onestop.metrics.selective import CERTAINTY, fewest, guarantee


def test_with_the_fewest_images_all_must_be_right() -> None:
    for rate in (0.02, 0.05, 0.1, 0.5):
        count = fewest(rate)
        scores, right = np.arange(count, dtype=float), np.ones(count, bool)
        found = guarantee(scores, right, rate)
        assert found is not None
        assert (found.answered, found.wrong, found.threshold) == (count, 0, 0.0)
        assert guarantee(scores[1:], right[1:], rate) is None
        right[0] = False
        assert guarantee(scores, right, rate) is None
        assert (1 - rate) ** count <= 1 - CERTAINTY < (1 - rate) ** (count - 1)


def test_nothing_is_guaranteed_without_images() -> None:
    assert guarantee(np.zeros(0), np.zeros(0, bool), 0.1) is None


def test_the_order_of_the_images_means_nothing() -> None:
    rng = np.random.default_rng(0)
    scores, right = rng.random(300), rng.random(300) < 0.95
    order = rng.permutation(300)
    assert guarantee(scores, right, 0.2) == guarantee(scores[order], right[order], 0.2)


def test_equal_scores_are_answered_together() -> None:
    scores = np.repeat([3.0, 2.0, 1.0], 100)
    right = np.repeat([True, True, False], 100)
    found = guarantee(scores, right, 0.05)
    assert found is not None
    assert (found.threshold, found.answered, found.wrong) == (2.0, 200, 0)


def test_a_higher_rate_answers_no_fewer() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(1000)
    right = rng.random(1000) > 0.3 * (1 - scores)
    answered = [
        0 if (found := guarantee(scores, right, rate)) is None else found.answered
        for rate in (0.01, 0.03, 0.05, 0.1, 0.2)
    ]
    assert answered == sorted(answered)
    assert answered[0] < answered[-1] == 1000


def test_one_mistake_among_the_surest_does_not_spoil_everything() -> None:
    right = np.ones(500, bool)
    right[3] = False  # a wrong label in the data
    found = guarantee(-np.arange(500.0), right, 0.05)
    assert found is not None
    assert (found.answered, found.wrong) == (500, 1)


def linear(score: np.ndarray) -> np.ndarray:
    return 0.4 * (1 - score)


def steep(score: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * np.exp(-12 * score))


def just_too_high(score: np.ndarray) -> np.ndarray:
    return np.full_like(score, 0.1001)


def stepped(score: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(score > 0.5, 0.1001, 0.5))


@pytest.mark.thorough
@pytest.mark.parametrize("risk", [linear, steep, just_too_high, stepped])
@pytest.mark.parametrize("images", [80, 200])
def test_the_true_error_rate_is_kept_as_often_as_promised(
    risk: Callable[[np.ndarray], np.ndarray], images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By drawing many sets of held-out images, where the true error rate above any score is known."""
    # What is allowed depends on the numbers of images alone, and these are the same in each draw.
    compute, known = selective._allowed, dict[bytes, selective.Ints]()

    def allowed(counts: selective.Ints, rate: float) -> selective.Ints:
        if counts.tobytes() not in known:
            known[counts.tobytes()] = compute(counts, rate)
        return known[counts.tobytes()]

    monkeypatch.setattr(selective, "_allowed", allowed)
    grid = np.linspace(1, 0, 4001)
    above = np.cumsum(risk(grid)) / np.arange(1, 4002)  # the rate above each score
    broken, draws = 0, 150
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        scores = rng.random(images)
        found = guarantee(scores, rng.random(images) >= risk(scores), 0.1)
        if found is not None:
            broken += above[round((1 - found.threshold) * 4000)] > 0.1
    assert broken <= binom.ppf(0.999, draws, 1 - CERTAINTY)


def test_all_tests_together_err_no_more_often_than_one_may() -> None:
    """The probability is computed; here it is counted."""
    counts = selective._tested(-np.arange(200.0), fewest(0.1))
    allowed = selective._allowed(counts, 0.1)
    computed = selective._crossing(counts, allowed, 0.1)
    wrong = np.random.default_rng(0).random((20_000, 200)) < 0.1
    counted = (wrong.cumsum(1)[:, counts - 1] <= allowed).any(1).mean()
    assert computed <= 1 - CERTAINTY
    assert counted == pytest.approx(computed, abs=0.01)
    assert computed > 0.5 * (1 - CERTAINTY), "not wasteful"


def test_binomial_probabilities_are_scipys() -> None:
    for images, rate in ((1, 0.3), (50, 0.05), (4096, 0.01)):
        ours = selective._binomial(images, 60, rate)
        assert ours == pytest.approx(binom.pmf(np.arange(60), images, rate), abs=1e-12)
