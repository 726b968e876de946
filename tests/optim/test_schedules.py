from __future__ import annotations

import pytest

from onestop.optim.schedules import ONE_CYCLE_END, ONE_CYCLE_START, schedule
from onestop.recipe import Schedule
from tests.recipes import recipe


def factors(
    kind: Schedule, *, epochs: int = 10, warmup: float = 0.0, each: int = 10
) -> list[float]:
    chosen = recipe(schedule=kind, epochs=epochs, warmup_epochs=warmup, step_epochs=3)
    factor = schedule(chosen.optim, each)
    return [factor(step) for step in range(epochs * each)]


def test_constant_stays() -> None:
    assert set(factors("constant")) == {1.0}


def test_step_falls_to_a_tenth_every_three_epochs() -> None:
    values = factors("step")
    assert values[29] == 1.0
    assert values[30] == pytest.approx(0.1)
    assert values[60] == pytest.approx(0.01)
    assert values[99] == pytest.approx(0.001)


def test_cosine_is_half_way_down_in_the_middle() -> None:
    values = factors("cosine")
    assert values[0] == 1.0
    assert values[50] == pytest.approx(0.5)
    assert values[99] < 0.001
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("kind", ["constant", "step", "cosine"])
def test_warmup_rises_in_equal_steps(kind: Schedule) -> None:
    values = factors(kind, warmup=1.0)
    assert values[:10] == pytest.approx([(k + 1) / 11 for k in range(10)])
    assert values[10] == pytest.approx(1.0)


def test_one_cycle_rises_and_falls() -> None:
    values = factors("one-cycle", warmup=3.0)
    assert values[0] == pytest.approx(ONE_CYCLE_START)
    assert values[30] == pytest.approx(1.0)
    assert values[99] < 0.01
    assert values[99] > ONE_CYCLE_END
    assert values[:31] == sorted(values[:31])
    assert values[30:] == sorted(values[30:], reverse=True)


@pytest.mark.parametrize("kind", ["constant", "step", "cosine", "one-cycle"])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 2.5, 10.0])
def test_factors_are_shares_of_the_highest_rate(kind: Schedule, warmup: float) -> None:
    values = factors(kind, warmup=warmup)
    assert all(0 < value <= 1 for value in values)
