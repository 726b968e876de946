"""Training that starts from pretrained weights: a probe, then more."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import onestop
from onestop.errors import InterruptedRun, UsageError
from onestop.training.checkpointer import Checkpointer
from tests.training.probed import MACHINE, some_weights

Photos = Callable[..., Path]
SETTINGS: dict[str, Any] = {"model": "lenet5_color", "image_size": 32, **MACHINE}
COUNTS = {"train/red": 9, "train/blue": 8, "val/red": 4, "val/blue": 4}


@pytest.fixture
def source(photos: Photos) -> Path:
    return photos(COUNTS)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(some_weights(tmp_path / "weights.safetensors"))


def tensors(run: onestop.Run) -> dict[str, torch.Tensor]:
    return onestop.load(run.folder).network.state_dict()


def same(one: onestop.Run, other: onestop.Run) -> bool:
    first, second = tensors(one), tensors(other)
    return all(torch.equal(first[name], second[name]) for name in first)


def test_quick_is_a_whole_run_without_an_epoch(source: Path, weights: str) -> None:
    run = onestop.train(source, weights=weights, quick=True, **SETTINGS)
    assert run.metrics["accuracy"] == 1.0
    assert (run.metrics["epochs"], run.metrics["best_epoch"]) == (0, 0)
    assert [row["epoch"] for row in run.epochs] == [0]
    assert run.recipe.optim.epochs == 0
    assert onestop.predict(run.folder, source / "val" / "red")[0].label == "red"
    assert onestop.evaluate(run.folder).metrics["accuracy"] == 1.0


def test_more_epochs_go_on_from_it(source: Path, weights: str) -> None:
    whole = onestop.train(source, weights=weights, epochs=2, name="whole", **SETTINGS)
    quick = onestop.train(source, weights=weights, quick=True, name="quick", **SETTINGS)
    longer = onestop.train(quick.folder, epochs=2)
    assert [row["epoch"] for row in longer.epochs] == [0, 1, 2]
    assert longer.epochs[0] == {**quick.epochs[0]}
    assert whole.epochs[0]["val_loss"] == quick.epochs[0]["val_loss"]


def test_the_log_says_what_was_kept(
    source: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = onestop.train(source, weights=weights, epochs=1, **SETTINGS)
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("probe loss 0.") and "| val loss" in line for line in lines)
    assert any(line.startswith("epoch 1/1 loss") for line in lines)
    assert any(line.startswith("kept: ") for line in lines)
    assert 0 <= run.metrics["fine_tuned"] <= 1
    assert run.metrics["best_epoch"] == (1 if run.metrics["fine_tuned"] else 0)


def test_a_run_that_is_worse_than_its_probe_ends_with_the_probe(source: Path, weights: str) -> None:
    settings = {**SETTINGS, "lr": 0.5, "epochs": 1}
    run = onestop.train(source, weights=weights, name="bad", **settings)
    probe = onestop.train(source, weights=weights, quick=True, name="probe", **SETTINGS)
    assert run.metrics["fine_tuned"] == 0
    assert same(run, probe)
    assert run.metrics["loss"] == probe.metrics["loss"]


@pytest.mark.thorough
@pytest.mark.parametrize("saves", [0, 1, 2, 3])
def test_a_run_that_is_stopped_after_any_save_ends_the_same(
    source: Path, weights: str, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SETTINGS, "weights": weights, "epochs": 2, "freeze": "none", "ema": 0.5}
    whole = onestop.train(source, name="whole", **settings)
    real, left = Checkpointer.save, [saves]

    def save(self: Checkpointer) -> bool:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpointer, "save", save)
        with pytest.raises((KeyboardInterrupt, InterruptedRun)):
            onestop.train(source, name="cut", **settings)
    assert Path("runs/cut/model.safetensors").exists() == (saves > 0)
    cut = onestop.train(Path("runs/cut"))
    assert same(whole, cut)
    clock = {"seconds", "images_per_second", "waiting", "scoring"}
    for one, other in zip(whole.epochs, cut.epochs, strict=True):
        assert {k: v for k, v in one.items() if k not in clock} == {
            k: v for k, v in other.items() if k not in clock
        }
    assert whole.metrics["fine_tuned"] == cut.metrics["fine_tuned"]


def test_the_recipe_makes_the_same_run_again(source: Path, weights: str) -> None:
    first = onestop.train(source, weights=weights, epochs=1, name="first", **SETTINGS)
    again = onestop.train(recipe=first.folder / "recipe.yaml", name="again")
    assert same(first, again)


@pytest.mark.thorough
def test_a_view_is_chosen_once_and_for_all(photos: Photos, tmp_path: Path) -> None:
    weights = str(some_weights(tmp_path / "weights.safetensors", "squeezenet1_1"))
    settings = {**MACHINE, "model": "squeezenet1_1", "weights": weights, "precision": None}
    run = onestop.train(
        photos({"red": 5, "blue": 5}), val_fraction=0.2, quick=True, name="first", **settings
    )
    recipe = yaml.safe_load((run.folder / "recipe.yaml").read_text())
    assert recipe["probe"] == "fit"
    assert (recipe["image_size"], recipe["crop_fraction"]) in [
        (224, 0.875),
        (224, 1.0),
        (288, 0.875),
    ]
    assert run.info.whys["image_size"].startswith(
        "chosen by the cross-validated loss of a probe: 0."
    )
    assert recipe["precision"] == "fp32"
    again = onestop.train(recipe=run.folder / "recipe.yaml", name="again")
    assert same(run, again)


@pytest.mark.thorough
def test_a_network_without_a_linear_head_is_trained_as_before(source: Path, tmp_path: Path) -> None:
    weights = str(some_weights(tmp_path / "weights.safetensors", "resnet9"))
    settings = {**SETTINGS, "model": "resnet9", "weights": weights, "epochs": 1, "batch_size": 8}
    run = onestop.train(source, **settings)
    assert run.recipe.network.probe == "none"
    assert run.recipe.network.freeze == "backbone"
    assert [row["epoch"] for row in run.epochs] == [1]
    with pytest.raises(UsageError, match="--probe fit: no head can be fitted: its head is not"):
        onestop.train(source, probe="fit", **settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quick": True}, "--quick: there is no probe (random weights have no features"),
        ({"epochs": 0}, "--epochs 0: without a probe nothing would be trained; ask for more"),
        ({"probe": "fit"}, "--probe fit: changes nothing with --weights none; drop one"),
    ],
)
def test_without_pretrained_weights_there_is_none(
    source: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        onestop.train(source, weights="none", **{**SETTINGS, **given})
    assert str(caught.value).startswith(message)
    assert not Path("runs").exists()


def test_quick_and_epochs_exclude_each_other(source: Path, weights: str) -> None:
    with pytest.raises(UsageError, match="--quick: is --epochs 0, not 3; drop one"):
        onestop.train(source, weights=weights, quick=True, epochs=3, **SETTINGS)


@pytest.mark.thorough
def test_a_time_budget_sets_the_epochs(source: Path, weights: str) -> None:
    settings = {**SETTINGS, "weights": weights}
    run = onestop.train(source, time_budget="20s", name="some", **settings)
    assert run.recipe.optim.time_budget == 20
    assert 0 < run.recipe.optim.epochs <= 4 * 8
    assert "as measured before the run" in run.info.whys["epochs"]
    again = onestop.train(recipe=run.folder / "recipe.yaml", name="again")
    assert same(run, again)
    none = onestop.train(source, time_budget="1s", name="none", **settings)
    assert none.recipe.optim.epochs == 0
    with pytest.raises(UsageError, match="--time-budget 20: chooses the epochs, which --epochs 3"):
        onestop.train(source, time_budget="20s", epochs=3, **settings)


@pytest.mark.thorough
def test_the_row_of_the_probe_is_read_by_all_that_reads_rows(source: Path, weights: str) -> None:
    run = onestop.train(source, weights=weights, epochs=1, **SETTINGS)
    with (run.folder / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    listed = onestop.runs("runs")
    assert (listed[0].epochs, listed[0].of) == (1, 1)
    onestop.report(run.folder)
    assert (run.folder / "report.html").exists()


@pytest.mark.parametrize("passes", [1, 2])
def test_a_run_that_is_stopped_in_its_probe_fits_the_same_head(
    source: Path, weights: str, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SETTINGS, "augment": "flip", "weights": weights, "quick": True}
    whole = onestop.train(source, name="whole", **settings)
    calls = itertools.count(1)

    def probing(*_: object) -> None:
        if next(calls) == passes:  # the images, then their mirror images
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("onestop.display.progress.Watcher.probing", probing)
        with pytest.raises((KeyboardInterrupt, InterruptedRun)):
            onestop.train(source, name="cut", **settings)
    assert not Path("runs/cut/model.safetensors").exists()
    cut = onestop.train(Path("runs/cut"))
    assert same(whole, cut)
    assert whole.metrics["loss"] == cut.metrics["loss"]
    assert next(calls) == passes + 1  # it was stopped there, and did nothing after
