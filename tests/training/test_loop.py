from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from onestop.data.augmentation import Augmentation
from onestop.data.loader import Loader
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.samples import ArraySamples
from onestop.data.targets import Classes
from onestop.errors import NonFiniteLossError
from onestop.networks import build
from onestop.optim.ema import MovingAverage
from onestop.optim.optimizers import optimizer_for
from onestop.recipe import Recipe
from onestop.training.records import EpochRecord, StepRecord
from onestop.training.state import Training
from tests.recipes import recipe
from tests.training.loops import train

BASE: dict[str, Any] = {
    "epochs": 2, "batch_size": 8, "lr": 0.05, "momentum": 0.9, "warmup_epochs": 0.0,
    "weight_decay": 1e-3, "ema": 0.0, "monitor": "accuracy", "precision": "fp32",
}  # fmt: skip


def loader(count: int = 30, **changes: Any) -> Loader:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, count)
    images = rng.integers(0, 80, (count, 16, 16, 1), dtype=np.uint8)
    images += (targets[:, None, None, None] * 80).astype(np.uint8)
    samples = ArraySamples(images, Classes(targets, ("a", "b", "c")))
    preprocessing = ImagePreprocessing(1, (16, 16), (0.5,), (0.3,))
    return Loader(samples, preprocessing, Augmentation(**changes))


def training(chosen: Recipe, network: nn.Module | None = None) -> Training:
    torch.manual_seed(chosen.machine.seed)
    network = network or build("lenet5", 3, 1, 16)
    average = MovingAverage(network, chosen.optim.ema) if chosen.optim.ema else None
    return Training(network, optimizer_for(chosen.optim, network), average)


def run(
    evaluate: Any = None, network: nn.Module | None = None, **changes: Any
) -> tuple[Training, list[Any]]:
    chosen = recipe(**{**BASE, **changes})
    parts = training(chosen, network)
    return parts, list(train(parts, loader(seed=chosen.machine.seed), chosen, evaluate))


def weights(parts: Training) -> list[torch.Tensor]:
    return [p.detach().clone() for p in parts.network.parameters()]


def equal(a: Training, b: Training) -> bool:
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def test_records_follow_the_steps_and_epochs() -> None:
    parts, records = run()
    kinds = [type(record) for record in records]
    assert kinds == ([StepRecord] * 4 + [EpochRecord]) * 2
    steps = [record for record in records if isinstance(record, StepRecord)]
    assert [step.step for step in steps] == list(range(1, 9))
    assert [step.images for step in steps] == [8, 16, 24, 30] * 2
    assert {step.steps for step in steps} == {8}
    assert (parts.progress.epoch, parts.progress.step) == (2, 8)


def test_it_learns() -> None:
    _, records = run(epochs=20)
    rows = [record.row for record in records if isinstance(record, EpochRecord)]
    assert rows[-1]["train_accuracy"] == 1.0
    assert rows[-1]["train_loss"] < 0.2 * rows[0]["train_loss"]


def test_a_step_is_the_textbooks_step() -> None:
    """One step equals torch written out by hand."""
    chosen = recipe(**{**BASE, "schedule": "constant", "batch_size": 30, "epochs": 1})
    parts, data = training(chosen), loader()
    by_hand = training(chosen).network
    batch = next(data.in_order(30))
    optimizer = optimizer_for(chosen.optim, by_hand)
    torch.autograd.backward(nn.functional.cross_entropy(by_hand(batch.inputs), batch.targets))
    optimizer.step()
    list(train(parts, data, chosen))
    for a, b in zip(parts.network.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_same_seed_same_weights_and_other_seed_others() -> None:
    assert equal(run()[0], run()[0])
    assert not equal(run()[0], run(seed=1)[0])


def test_the_caller_may_draw_random_numbers_between_steps() -> None:
    chosen = recipe(**BASE)
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, 3))
    state = {k: v.clone() for k, v in network.state_dict().items()}
    results = []
    for disturb in (False, True):
        network.load_state_dict(state)
        parts = training(chosen, network)
        for _ in train(parts, loader(), chosen):
            if disturb:
                torch.rand(7)
        results.append(weights(parts))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("stop_after", [1, 3, 4, 6])
def test_going_on_from_the_middle_of_an_epoch_changes_nothing(stop_after: int) -> None:
    whole, _ = run(ema=0.5)
    chosen = recipe(**{**BASE, "ema": 0.5})
    parts = training(chosen)
    loop = train(parts, loader(), chosen)
    for record in loop:
        if isinstance(record, StepRecord) and record.step == stop_after:
            break
    loop.close()
    list(train(parts, loader(), chosen))
    assert equal(whole, parts)
    assert whole.average is not None
    assert parts.average is not None
    averages = zip(whole.scored.parameters(), parts.scored.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in averages)


def test_accumulation_gives_the_gradient_of_the_whole_batch() -> None:
    whole, parts = run(), run(accumulate=4)
    for a, b in zip(whole[0].network.parameters(), parts[0].network.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert not equal(whole[0], run(accumulate=4, lr=0.01)[0])


def test_parts_of_a_mixed_batch_carry_their_targets_along() -> None:
    results = []
    for accumulate in (1, 4):
        chosen = recipe(**{**BASE, "accumulate": accumulate})
        parts, mixed = training(chosen), loader(mixup=1.0, cutmix=1.0)
        list(train(parts, mixed, chosen))
        results.append(parts)
    for a, b in zip(*(parts.network.parameters() for parts in results), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert not equal(results[0], run()[0])


def test_clipping_shortens_the_step() -> None:
    start = weights(training(recipe(**BASE)))
    options: dict[str, Any] = {
        "epochs": 1,
        "batch_size": 30,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "schedule": "constant",
    }
    moved = weights(run(clip_grad=0.01, **options)[0])
    length = math.sqrt(
        sum(float((a - b).square().sum()) for a, b in zip(start, moved, strict=True))
    )
    assert length == pytest.approx(0.05 * 0.01, rel=1e-3)


def test_batch_norm_never_sees_a_single_image() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, 3), nn.BatchNorm1d(3))
    chosen = recipe(**{**BASE, "batch_size": 29, "epochs": 1})
    records = list(train(training(chosen, network), loader(30), chosen))
    assert [r.images for r in records if isinstance(r, StepRecord)] == [30]


def test_infinite_loss_stops_before_the_step_is_taken() -> None:
    chosen = recipe(**{**BASE, "lr": 1e30, "clip_grad": 0.0, "epochs": 5})
    parts = training(chosen)
    with pytest.raises(NonFiniteLossError, match=r"loss became (nan|inf) in step \d+"):
        list(train(parts, loader(), chosen))


def scores(values: list[float], losses: list[float] | None = None) -> Any:
    given = iter(zip(values, losses or [1.0] * len(values), strict=True))

    def evaluate(_: nn.Module) -> dict[str, float]:
        accuracy, loss = next(given)
        return {"accuracy": accuracy, "loss": loss}

    return evaluate


def best_epochs(records: list[Any]) -> list[int]:
    return [r.epoch for r in records if isinstance(r, EpochRecord) and r.best]


def test_the_best_epoch_is_noted_and_equals_go_by_loss() -> None:
    evaluate = scores([0.5, 0.7, 0.7, 0.7, 0.6], [1.0, 0.8, 0.9, 0.7, 0.1])
    parts, records = run(evaluate, epochs=5)
    assert best_epochs(records) == [1, 2, 4]
    assert (parts.progress.best, parts.progress.best_epoch) == (0.7, 4)


def test_a_loss_is_better_when_lower() -> None:
    _, records = run(scores([0, 0, 0], [3.0, 2.0, 2.5]), epochs=3, monitor="loss")
    assert best_epochs(records) == [1, 2]


def test_patience_stops_after_so_many_epochs_without_a_better_one() -> None:
    evaluate = scores([0.5, 0.6, 0.5, 0.5, 0.9])
    parts, records = run(evaluate, epochs=5, patience=2)
    assert [r.epoch for r in records if isinstance(r, EpochRecord)] == [1, 2, 3, 4]
    assert parts.progress.stopped_early


def test_without_validation_the_last_epoch_is_the_best() -> None:
    assert best_epochs(run(epochs=3)[1]) == [1, 2, 3]


def test_the_average_is_what_is_scored() -> None:
    seen: list[nn.Module] = []

    def evaluate(network: nn.Module) -> dict[str, float]:
        seen.append(network)
        return {"accuracy": 0.0, "loss": 0.0}

    parts, _ = run(evaluate, ema=0.9)
    assert parts.average is not None
    assert all(network is parts.average.network for network in seen)
    assert not equal(parts, Training(parts.average.network, parts.optimizer))


def test_rate_follows_the_schedule() -> None:
    _, records = run(schedule="step", step_epochs=1)
    rates = [record.lr for record in records if isinstance(record, StepRecord)]
    assert rates == pytest.approx([0.05] * 4 + [0.005] * 4)
