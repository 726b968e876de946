"""Curves of metrics by the number of images, and what they would become."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.power_law import Estimate, PowerLaw, fit_power_law, forecast, mean_over_folds

SIZES = np.array([10.0, 20.0, 40.0, 80.0, 160.0])


@pytest.mark.parametrize(
    ("law", "higher"), [(PowerLaw(0.95, -0.9, 0.5), True), (PowerLaw(0.3, 4.0, 0.8), False)]
)
def test_a_law_is_recovered_from_its_points(law: PowerLaw, higher: bool) -> None:
    found = fit_power_law(SIZES, [law.at(n) for n in SIZES], higher=higher)
    assert (found.limit, found.scale, found.rate) == pytest.approx((law.limit, law.scale, law.rate))


def test_no_forecast_is_better_than_perfect_or_falls() -> None:
    steep = fit_power_law(SIZES, 1.2 - 2.0 * SIZES**-0.5, higher=True)
    assert steep.at(1e9) <= 1
    falling = fit_power_law(SIZES, np.linspace(0.9, 0.8, 5), higher=True)
    assert falling.at(320) == pytest.approx(falling.at(10))
    assert fit_power_law(SIZES, 3 / SIZES - 0.01, higher=False).at(1e9) >= 0


def test_folds_that_agree_leave_no_doubt_and_others_do() -> None:
    law = PowerLaw(0.95, -0.9, 0.5)
    values = np.tile([law.at(n) for n in SIZES], (5, 1))
    now, twice, gain = forecast(SIZES, values, (200, 400), higher=True)
    assert twice.value == pytest.approx(law.at(400), abs=1e-6)
    assert gain.value == pytest.approx(law.at(400) - law.at(200), abs=1e-6)
    assert now.high - now.low < 1e-6
    shifted = values + np.array([-0.04, -0.02, 0.0, 0.02, 0.04])[:, None]
    now, _, gain = forecast(SIZES, shifted, (200, 400), higher=True)
    assert now.low < law.at(200) < now.high
    assert now.high - now.low > 5 * (gain.high - gain.low), "a difference of one fold is paired"


def test_the_interval_of_a_mean_is_students_and_wider() -> None:
    found = mean_over_folds(np.array([0.8, 0.9]))
    assert found.value == pytest.approx(0.85)
    assert found.high - found.value == pytest.approx(12.706 * 0.05 * 3**0.5, abs=1e-3)


def test_intervals_cover_what_comes_of_noisy_folds() -> None:
    law, rng, hits = PowerLaw(0.95, -0.9, 0.5), np.random.default_rng(0), 0
    for _ in range(40):
        noise = rng.normal(0, 0.02, (5, 1)) + rng.normal(0, 0.01, (5, len(SIZES)))
        _, twice, _ = forecast(SIZES, np.array([law.at(n) for n in SIZES]) + noise,
                               (200, 400), higher=True)  # fmt: skip
        hits += twice.low <= law.at(400) <= twice.high
    assert hits >= 34


def test_an_interval_ends_where_values_do() -> None:
    assert Estimate(0.9, -0.1, 1.2).within(0, 1) == Estimate(0.9, 0, 1)
    assert Estimate(0.9, 0.8, 0.95).within(0, 1) == Estimate(0.9, 0.8, 0.95)
