"""The first steps of a run, and whether they disprove its learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from onestop.training.records import EpochRecord, StepRecord, Value
from onestop.training.trial import RateTooHigh, Trial, steps_on_trial


def step(number: int, loss: Value) -> StepRecord:
    return StepRecord(1, number, 1000, loss, loss, {}, number, 0.1)


def watched(
    losses: Sequence[Value], steps: int = 100, kept: list[float] | None = None
) -> int | None:
    """The step after which the rate was disproved, if it was."""
    trial = Trial(steps, kept if kept is not None else [])
    for number, loss in enumerate(losses, 1):
        try:
            trial.see(step(number, loss))
        except RateTooHigh:
            return number
    return None


HIGH: Sequence[Value] = [2.0] * 5 + [21.0] * 10


@pytest.mark.parametrize(
    ("losses", "end"),
    [
        (HIGH, 15),
        ([2.0] * 5 + [20.0] * 50, None),  # not above
        ([2.0] * 5 + ([21.0] * 9 + [3.0]) * 5, None),  # not in a row
        ([2.0, 2.0, 40.0, 2.0, 2.0] + [399.0] * 20, None),  # the largest of the first ones counts
        ([0.01] * 5 + [0.9] * 20, None),  # a small loss that grows is no explosion
        ([2.0] * 60 + [21.0] * 10, 70),
    ],
)
def test_ten_in_a_row_above_ten_times_the_first(losses: list[Value], end: int | None) -> None:
    assert watched(losses) == end


def test_after_the_first_steps_it_does_not_look() -> None:
    assert watched([*([2.0] * 95), *([1e9] * 10)], steps=100) is None
    assert watched(HIGH, steps=0) is None


@pytest.mark.parametrize(("warmup", "steps"), [(0, 100), (1, 150), (16, 150), (390, 500)])
def test_it_lasts_until_a_while_after_warm_up(warmup: int, steps: int) -> None:
    assert steps_on_trial(warmup) == steps
    assert Trial(steps, []).covers(steps)
    assert not Trial(steps, []).covers(steps + 1)


def test_none_covers_nothing() -> None:
    assert not Trial(0, []).covers(0)


def test_a_batch_that_was_passed_over_does_not_count() -> None:
    assert watched([2.0] * 5 + [21.0] * 5 + [math.nan] + [21.0] * 5) == 16


@pytest.mark.parametrize("cut", range(1, 15))
def test_it_goes_on_from_what_a_state_holds(cut: int) -> None:
    kept: list[float] = []
    assert watched(HIGH[:cut], kept=kept) is None
    assert len(kept) <= 15
    assert watched(HIGH[cut:], kept=list(kept)) == 15 - cut


def test_what_a_gpu_computes_is_read_later_and_before_a_state_is_written() -> None:
    losses: list[Value] = [torch.tensor(loss) for loss in (*HIGH, *[1e9] * 60)]
    assert watched(losses) == 50
    kept: list[float] = []
    trial = Trial(100, kept)
    for number, loss in enumerate(losses[:4], 1):
        trial.see(step(number, loss), now=number == 4)
    assert kept == [2.0] * 4


def test_outputs_that_are_not_finite_after_an_epoch_disprove_it() -> None:
    row = {"step": 40}
    Trial(100, []).see(EpochRecord(1, row, best=True))
    Trial(30, []).see(EpochRecord(1, row, best=False, finite=False))
    with pytest.raises(RateTooHigh, match="not finite after epoch 1"):
        Trial(100, []).see(EpochRecord(1, row, best=False, finite=False))
