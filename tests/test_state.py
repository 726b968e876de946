from __future__ import annotations

from pathlib import Path

import pytest
import torch

from onestop.errors import OneStopError, UsageError
from onestop.learning.averaging import MovingAverage
from onestop.learning.optimizers import optimizer_for
from onestop.networks import build
from onestop.recipe import Optimizer, Recipe
from onestop.state import Training, newest_state, read_about, restore_state, save_state


def training(kind: Optimizer = "adamw", steps: int = 0, name: str = "lenet5") -> Training:
    torch.manual_seed(steps)
    network = build(name, 3)
    recipe = Recipe(optimizer=kind, lr=0.01, momentum=0.9, weight_decay=0.1)
    parts = Training(network, optimizer_for(recipe, network), MovingAverage(network, 0.9))
    for step in range(steps):
        parts.optimizer.zero_grad()
        network(torch.rand(2, 1, 32, 32)).square().mean().backward()
        parts.optimizer.step()
        assert parts.average is not None
        parts.average.update(network, step)
        parts.progress.step += 1
    return parts


def everything(parts: Training) -> dict[str, torch.Tensor]:
    from onestop.learning.optimizers import slots

    assert parts.average is not None
    return {
        **{f"n/{k}": v for k, v in parts.network.state_dict().items()},
        **{f"a/{k}": v for k, v in parts.average.network.state_dict().items()},
        **{f"o/{n}/{s}": v for n, s, v in slots(parts.optimizer, parts.network)},
        "loss": parts.progress.loss_sum,
        "hits": parts.progress.hits,
    }


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_restored_state_is_the_saved_one_bit_for_bit(tmp_path: Path, kind: Optimizer) -> None:
    saved = training(kind, steps=3)
    saved.progress.loss_sum += 0.1
    saved.progress.hits += 2
    saved.progress.best, saved.progress.best_epoch, saved.progress.seen = 1 / 3, 2, 6
    path = save_state(tmp_path / "state", saved, {"data": "x", "epochs": 4})
    restored = training(kind)
    restore_state(path, restored)
    before, after = everything(saved), everything(restored)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert restored.progress.best == 1 / 3
    assert (restored.progress.step, restored.progress.seen) == (3, 6)
    assert read_about(path) == {"data": "x", "epochs": 4}


def test_only_the_newest_state_stays(tmp_path: Path) -> None:
    parts = training()
    save_state(tmp_path / "state", parts, {})
    parts.progress.step = 7
    save_state(tmp_path / "state", parts, {})
    assert [p.name for p in (tmp_path / "state").iterdir()] == ["step-000000007.safetensors"]
    assert newest_state(tmp_path / "nowhere") is None


def test_a_failed_save_leaves_the_older_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = training()
    first = save_state(tmp_path / "state", parts, {})
    parts.progress.step = 7

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("onestop.runs.os.fsync", full)
    with pytest.raises(OneStopError, match="No space left on device"):
        save_state(tmp_path / "state", parts, {})
    assert list((tmp_path / "state").iterdir()) == [first]
    restore_state(first, training())


def test_a_state_of_another_network_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = save_state(tmp_path / "state", training(), {})
    with pytest.raises(UsageError, match="does not fit this run's recipe"):
        restore_state(path, training(name="lenet_3x3"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UsageError, match="damaged training state"):
        read_about(path)
