"""What a run keeps that ends because its loss or its outputs are not finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import onestop
from onestop.errors import NonFiniteLossError, UsageError
from onestop.training.step import LocalStep

OPTIONS: dict[str, Any] = {
    "model": "lenet5", "threads": 1, "epochs": 3, "batch_size": 128, "quiet": True,
    "lr": 0.02, "schedule": "constant", "warmup_epochs": 0.0, "ema": 0.0,
}  # fmt: skip
MODEL = "model.safetensors"


def broken_at(step: int, size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has one step multiply the weights by `size`."""
    take = LocalStep.__call__

    def breaking(self: LocalStep, training: Any, *rest: Any) -> Any:
        result = take(self, training, *rest)
        if training.progress.step == step - 1:
            with torch.no_grad():
                for weights in training.network.parameters():
                    weights.mul_(size)
        return result

    monkeypatch.setattr(LocalStep, "__call__", breaking)


def outputs(model: Path) -> torch.Tensor:
    outputs: torch.Tensor = onestop.load(model)(torch.rand(4, 1, 32, 32))
    return outputs


def test_finite_weights_whose_outputs_are_not_are_not_kept(tmp_path: Path) -> None:
    """Weights of 1e24 are finite, and their outputs are NaN."""
    with pytest.raises(
        NonFiniteLossError,
        match=r"in step \d+; no weights had finite outputs, so none are kept; lower --lr \(now 1e",
    ):
        onestop.train("digits", out=tmp_path, name="bad", **{**OPTIONS, "lr": 1e6})
    assert not (tmp_path / "bad" / MODEL).exists()
    with pytest.raises(UsageError, match=r"no model\.safetensors in this folder"):
        next(iter(onestop.predict(tmp_path / "bad", np.zeros((2, 8, 8), np.uint8))))


@pytest.mark.thorough
def test_those_of_the_best_epoch_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_at(15, 1e12, monkeypatch)  # of 11 steps an epoch
    with pytest.raises(
        NonFiniteLossError, match="weights with finite outputs are kept in"
    ) as caught:
        onestop.train("digits", out=tmp_path, name="run", **OPTIONS)
    assert caught.value.exit_code == 5
    monkeypatch.undo()
    whole = onestop.train("digits", out=tmp_path, **{**OPTIONS, "epochs": 1})
    ours, theirs = (load_file(folder / MODEL) for folder in (tmp_path / "run", whole.folder))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_those_before_the_step_are_kept_in_the_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onestop.tasks import Classification
    from onestop.tasks.task import Loss

    compute, calls = Classification.loss, iter(range(100))

    def loss(self: Classification, *words: Any) -> Loss:
        result = compute(self, *words)
        return Loss(result.total * torch.nan, result.sums) if next(calls) == 4 else result

    monkeypatch.setattr(Classification, "loss", loss)
    with pytest.raises(NonFiniteLossError, match=r"nan in step 5; weights with finite outputs"):
        onestop.train("digits", out=tmp_path, name="run", **OPTIONS)
    assert outputs(tmp_path / "run" / MODEL).isfinite().all()


@pytest.mark.parametrize("val_fraction", [0.1, 0.0])
def test_an_epoch_whose_outputs_are_not_finite_is_not_kept(
    val_fraction: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Its last step breaks the weights, which no loss of a step shows any more."""
    options = {**OPTIONS, "val_fraction": val_fraction, "quiet": False}
    images = 1438 - round(1438 * val_fraction)
    steps = -(-images // 128)
    broken_at(3 * steps, 1e20, monkeypatch)
    run = onestop.train("digits", out=tmp_path, **options)
    assert "warning: epoch 3: the network's outputs are not finite, so it is not kept" in (
        capsys.readouterr().err
    )
    assert run.metrics["best_epoch"] < 3
    assert outputs(run.folder / MODEL).isfinite().all()
    *_, before, last = run.epochs
    assert last.get("val_loss") is None
    assert last.get("val_accuracy") is None
    assert bool(before.get("val_loss", "")) == bool(val_fraction)


def test_a_run_none_of_whose_epochs_is_any_good_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_at(11, 1e20, monkeypatch)
    with pytest.raises(NonFiniteLossError, match="after no epoch were the outputs") as caught:
        onestop.train("digits", out=tmp_path, name="run", **{**OPTIONS, "epochs": 1})
    assert "none are kept" in str(caught.value)
    assert not (tmp_path / "run" / MODEL).exists()
    with pytest.raises(NonFiniteLossError, match="after no epoch were the outputs"):
        onestop.train(tmp_path / "run", quiet=True)


@pytest.mark.thorough
def test_with_nothing_held_out_and_cached_features(tmp_path: Path) -> None:
    first = onestop.train("digits", out=tmp_path, **{**OPTIONS, "epochs": 1})
    run = onestop.train(
        "digits", out=tmp_path, weights=str(first.folder), freeze="backbone", val_fraction=0,
        **{**OPTIONS, "epochs": 1},
    )  # fmt: skip
    assert run.metrics["best_epoch"] == 1
