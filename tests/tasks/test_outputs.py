"""Logits, auxiliary logits and losses in the outputs of networks."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch
from torch import Tensor

from onestop.tasks.outputs import logits_of, own_loss, with_auxiliary

LOGITS = torch.tensor([[1.0, 2.0]])
Two = namedtuple("Two", ["logits", "aux_logits2", "aux_logits1"])
One = namedtuple("One", ["logits", "aux_logits"])


def total(logits: Tensor) -> Tensor:
    return logits.sum()


def test_a_tensor_is_the_logits_and_has_no_loss_of_its_own() -> None:
    assert logits_of(LOGITS) is LOGITS
    assert own_loss(LOGITS) is None
    assert float(with_auxiliary(LOGITS, total)) == 3


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (Two(LOGITS, LOGITS, 2 * LOGITS), 3 + 0.3 * 3 + 0.3 * 6),
        (Two(LOGITS, None, LOGITS), 3 + 0.3 * 3),
        (One(LOGITS, LOGITS), 3 + 0.4 * 3),
        (One(LOGITS, None), 3),
    ],
)
def test_auxiliary_classifiers_are_weighted(outputs: Two | One, expected: float) -> None:
    assert logits_of(outputs) is LOGITS
    assert own_loss(outputs) is None
    assert float(with_auxiliary(outputs, total)) == pytest.approx(expected)


def test_outputs_may_have_a_loss_of_their_own() -> None:
    class Outputs:
        logits = LOGITS

        def loss(self, targets: Tensor) -> Tensor:
            return targets.sum()

    loss = own_loss(Outputs())
    assert loss is not None
    assert float(loss(LOGITS)) == 3
