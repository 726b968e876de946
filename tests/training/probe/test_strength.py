"""The strength of the penalty, by cross-validation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onestop.tasks import Classification, Regression, Task
from onestop.tasks.multilabel import Multilabel
from onestop.training.probe.strength import (
    STRENGTHS,
    Examples,
    choose_strength,
    fit,
    out_of_fold,
)


def examples(noise: float, count: int = 60, width: int = 20) -> Examples:
    """Two classes that differ in the first feature by 2, and noise."""
    random = torch.Generator().manual_seed(0)
    targets = torch.arange(count) % 2
    features = torch.randn(count, width, generator=random) * noise
    features[:, 0] += 2.0 * targets
    return Examples(features, targets, np.arange(count) // 2 % 5)


TASK = Classification(("a", "b"))


def test_noisier_features_are_penalised_more() -> None:
    assert (
        choose_strength(examples(0.1), TASK, 2).strength
        < choose_strength(examples(3.0), TASK, 2).strength
    )


def test_the_loss_is_that_of_outputs_out_of_fold() -> None:
    some = examples(1.0)
    chosen = choose_strength(some, TASK, 2)
    again = out_of_fold(some, TASK, 2, chosen.strength)
    assert torch.allclose(chosen.outputs, again, atol=1e-4)
    assert chosen.loss == pytest.approx(float(TASK.losses(again, some.targets).mean()), abs=1e-5)
    fold = torch.from_numpy(some.folds == 2)
    apart = Examples(some.features[~fold], some.targets[~fold], some.folds[~fold.numpy()])
    weight, bias = fit(apart, TASK, 2, chosen.strength)
    alone = some.features[fold].double() @ weight.T + bias
    # Standardised by all images or by the others: nearly the same penalty.
    assert torch.allclose(alone, again[fold], atol=0.2)


def test_strengths_between_the_first_ones_are_tried_too() -> None:
    chosen = choose_strength(examples(1.0), TASK, 2).strength
    assert min(abs(np.log10(chosen / s)) for s in STRENGTHS) in (
        pytest.approx(0, abs=1e-9), pytest.approx(0.5, abs=1e-9),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("task", "targets", "outputs"),
    [
        (Regression(), torch.linspace(-3, 9, 30), 1),
        (Multilabel(("a", "b")), (torch.arange(60).view(30, 2) % 3 == 0).float(), 2),
        (Classification(("a", "b", "c")), torch.arange(30) % 3, 3),
    ],
    ids=["regression", "multilabel", "classification"],
)
def test_every_task_has_it(task: Task[torch.Tensor], targets: torch.Tensor, outputs: int) -> None:
    features = torch.randn(30, 8, generator=torch.Generator().manual_seed(1))
    features[:, 0] = targets.reshape(30, -1)[:, 0]
    some = Examples(features, targets, np.arange(30) % 5)
    chosen = choose_strength(some, task, outputs)
    weight, bias = fit(some, task, outputs, chosen.strength)
    assert weight.shape == (outputs, 8)
    constant = torch.zeros(30, outputs, dtype=torch.float64)
    learnt = task.losses(features.double() @ weight.T + bias, targets).mean()
    assert learnt < chosen.loss < task.losses(constant, targets).mean()


def test_one_fold_is_too_few_to_choose() -> None:
    some = Examples(torch.rand(2, 3), torch.tensor([0, 1]), np.zeros(2, np.int64))
    chosen = choose_strength(some, TASK, 2)
    assert (chosen.strength, len(chosen.places)) == (10.0, 0)
    assert np.isinf(chosen.loss)


def test_many_images_are_not_all_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onestop.training.probe.strength.MOST", 200)
    some = examples(1.0, count=600)
    chosen = choose_strength(some, TASK, 2)
    assert len(chosen.places) == len(chosen.outputs) == 200
    assert np.bincount(some.folds[chosen.places]).min() == 40
    assert np.bincount(some.targets[chosen.places]).min() >= 80


def test_images_are_scored_as_they_are_seen_in_evaluation() -> None:
    some = examples(0.5)
    other = Examples(some.features, some.targets, some.folds, seen=-some.features)
    assert choose_strength(other, TASK, 2).loss > choose_strength(some, TASK, 2).loss
