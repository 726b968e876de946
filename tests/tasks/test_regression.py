"""Predicting a number."""

from __future__ import annotations

import pytest
import torch
from matplotlib.figure import Figure

from onestop.tasks import Label, Regression
from tests.losses import loss_of

OUTPUTS, TARGETS = torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 3.0])


def test_a_network_needs_one_output() -> None:
    assert Regression().head().outputs == 1


def test_loss_is_the_mean_squared_error_and_nothing_else_is_summed() -> None:
    loss = loss_of(Regression(), OUTPUTS, TARGETS)
    assert (loss.total.item(), loss.sums) == (0.5, {})


def test_errors_add_up() -> None:
    meter = Regression().meter()
    for place in range(2):
        meter.update(OUTPUTS[place : place + 1], TARGETS[place : place + 1])
    metrics = meter.compute()
    assert (metrics["loss"], metrics["mae"], metrics["images"]) == (0.5, 0.5, 2)
    assert metrics["rmse"] == pytest.approx(0.5**0.5)
    assert metrics["r2"] == -1.0


def test_a_prediction_is_a_number_with_its_error_and_neither_correct_nor_wrong() -> None:
    first, second = Regression().describe(OUTPUTS, TARGETS, top=3)
    assert second.labels == (Label("3", 3.0, number=True),)
    assert (first.truth, first.loss, first.score) == (("2",), 1.0, 1.0)
    assert (first.correct, first.second, first.truth_score) == (None, None, None)
    (found,) = Regression().describe(torch.tensor([[1 / 3]]))
    assert (found.label, found.truth, found.loss) == ("0.333333", None, None)


def test_the_number_itself_can_be_explained() -> None:
    assert Regression().label(OUTPUTS, [0, 0])[0] == Label("1", 1.0, number=True)


def test_predictions_have_a_figure() -> None:
    found = Regression().describe(OUTPUTS, TARGETS)
    assert isinstance(Regression().figures()["fit"](found), Figure)
