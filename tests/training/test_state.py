"""How far a run is, and which of its epochs is the best."""

from __future__ import annotations

import math
from typing import Any

import pytest
from torch import nn

from onestop.metrics.spec import LOSS, Metric
from onestop.optim.ema import MovingAverage
from onestop.optim.optimizers import optimizer_for
from onestop.training.state import Goal, Progress, Training, outputs_finite
from tests.recipes import recipe

ACCURACY = Metric("accuracy", "accuracy", percent=True)
RMSE = Metric("rmse", "rmse", higher=False)
NAN = math.nan


def best(monitor: Metric, *epochs: dict[str, float], patience: int = 0) -> Progress:
    progress, goal = Progress(), Goal(len(epochs), monitor, patience)
    for metrics in epochs:
        progress.close_epoch(metrics, goal)
    return progress


def scored(*pairs: tuple[float, float], name: str = "accuracy") -> list[dict[str, float]]:
    return [{name: value, "loss": loss} for value, loss in pairs]


@pytest.mark.parametrize(
    ("monitor", "epochs", "epoch"),
    [
        (ACCURACY, scored((0.5, 1.0), (0.6, 2.0), (0.4, 0.5)), 2),
        (ACCURACY, scored((0.5, 1.0), (0.5, 0.9), (0.5, 1.1)), 2),  # of equal ones the lower loss
        (RMSE, scored((3.0, 9.0), (2.0, 4.0), name="rmse"), 2),
        (ACCURACY, [{}, {}, {}], 3),  # nothing held out
        (ACCURACY, scored((0.9, NAN), (0.1, 2.3)), 2),  # of such outputs nothing can be said
        (ACCURACY, scored((0.1, 2.3), (0.9, math.inf)), 1),
        (ACCURACY, scored((0.9, NAN), (0.9, NAN)), 0),
        (LOSS, [{"loss": NAN}, {"loss": 3.0}], 2),
        (ACCURACY, [{}, {"loss": NAN}], 1),  # tried out, with nothing held out
        (ACCURACY, scored((NAN, 1.0), (0.1, 2.0)), 2),  # a metric that was undefined
        (ACCURACY, scored((NAN, 1.0), (NAN, 0.5), (NAN, 0.7)), 2),
        (RMSE, scored((NAN, 1.0), (5.0, 2.0), (NAN, 0.1), name="rmse"), 2),
    ],
)
def test_the_best_epoch(monitor: Metric, epochs: list[dict[str, float]], epoch: int) -> None:
    assert best(monitor, *epochs).best_epoch == epoch


def test_patience_counts_from_the_start_if_no_epoch_is_any_good() -> None:
    assert best(ACCURACY, *scored((0.9, NAN), (0.9, NAN)), patience=2).stopped_early
    assert not best(ACCURACY, *scored((0.9, NAN), (0.1, 1.0)), patience=2).stopped_early


@pytest.mark.parametrize(
    ("metrics", "finite"),
    [({}, True), ({"loss": 1e30}, True), ({"loss": NAN}, False), ({"loss": math.inf}, False)],
)
def test_outputs_are_finite_if_their_loss_is(metrics: dict[str, Any], finite: bool) -> None:
    assert outputs_finite(metrics) is finite


def test_what_is_scored_is_the_average_if_there_is_one() -> None:
    network = nn.Linear(2, 2)
    optimizer = optimizer_for(recipe().optim, network)
    average = MovingAverage(network, 0.9)
    assert Training(network, optimizer).scored is network
    assert Training(network, optimizer, average).scored is average.network
