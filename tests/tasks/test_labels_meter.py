"""The meter of several labels per image; its metrics are tested in test_multilabel.py."""

from __future__ import annotations

import pytest
import torch

from onestop.tasks.labels_meter import MultilabelMeter, losses_of, probabilities, truth_of


def test_probabilities_are_those_of_the_calibrated_outputs() -> None:
    outputs, targets = torch.tensor([[2.0, -2.0]]), torch.tensor([[1.0, 0.0]])
    plain, other = (
        MultilabelMeter(("a", "b"), (0.5, 0.5), *rest) for rest in ((), (lambda o: o / 2,))
    )
    for meter in (plain, other):
        meter.update(outputs, targets)
    assert plain.compute()["loss"] == pytest.approx(float(losses_of(outputs, targets)))
    assert other.compute()["loss"] == pytest.approx(float(losses_of(outputs / 2, targets)))


def test_a_share_of_a_label_is_rounded_and_what_is_no_number_is_not_predicted() -> None:
    assert truth_of(torch.tensor([[0.4, 0.6]])).tolist() == [[False, True]]
    assert probabilities(torch.tensor([[float("nan"), 0.0]])).tolist() == [[0.0, 0.5]]
