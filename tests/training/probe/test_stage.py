"""The first stage of a run from pretrained weights."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onestop.errors import NonFiniteLossError
from onestop.training.probe.features import bank_for
from onestop.training.probe.stage import fit_probe, fitted_head
from onestop.training.setup import Session
from tests.training.probed import probed, session_of, some_weights

Photos = Callable[..., Path]
COUNTS = {"train/red": 9, "train/blue": 8, "val/red": 4, "val/blue": 4}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return some_weights(tmp_path / "weights.safetensors")


def test_the_network_has_the_head_that_was_fitted(photos: Photos, weights: Path) -> None:
    source = photos(COUNTS)
    session, record = probed(source, weights)
    again = session_of(source, weights)
    fitted = fitted_head(again, bank_for(again.plan))
    weight, bias = map(session.training.network.get_parameter, ("fc3.weight", "fc3.bias"))
    assert torch.allclose(weight.double(), fitted.weight, atol=1e-6)
    assert torch.allclose(bias.double(), fitted.bias, atol=1e-6)
    assert record.epoch == 0
    assert record.best


def test_nothing_else_of_the_network_changes(photos: Photos, weights: Path) -> None:
    session, _ = probed(photos(COUNTS), weights)
    before = session_of(photos(COUNTS, root="again"), weights).training.network.state_dict()
    for name, tensor in session.training.network.state_dict().items():
        assert torch.equal(tensor, before[name]) == (not name.startswith("fc3")), name


def test_its_row_has_the_validation_metrics_and_those_of_cross_validation(
    photos: Photos, weights: Path
) -> None:
    session, record = probed(photos(COUNTS), weights)
    assert record.row["val_accuracy"] == 1.0
    assert record.row["val_loss"] == session.judge(session.training.network)["loss"] < 0.3
    assert record.row["train_accuracy"] >= 0.9
    assert (record.row["epoch"], record.row["step"], record.row["lr"]) == (0, 0, 0.0)


def test_average_and_progress_know_of_it(photos: Photos, weights: Path) -> None:
    session, record = probed(photos(COUNTS), weights, ema=0.9)
    training = session.training
    assert training.average
    for name, tensor in training.network.state_dict().items():
        assert torch.equal(tensor, training.average.network.state_dict()[name])
        assert torch.equal(tensor, training.probe[name])
    assert training.progress.probed
    assert training.progress.any_model
    assert training.progress.best == training.progress.best_loss == record.row["val_loss"]


def test_it_is_the_same_each_time(photos: Photos, weights: Path) -> None:
    one, other = (probed(photos(COUNTS, root=root), weights)[0] for root in ("a", "b"))
    for name, tensor in one.training.network.state_dict().items():
        assert torch.equal(tensor, other.training.network.state_dict()[name])


@pytest.mark.parametrize(
    ("task", "label"),
    [("regression", lambda n: str(n / 3)), ("multilabel", lambda n: "ab"[: n % 3])],
)
def test_other_tasks_have_one(
    task: str, label: Callable[[int], str], tmp_path: Path, weights: Path
) -> None:
    with (tmp_path / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        for number in range(24):
            pixels = np.full((32, 32, 3), 10 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            text = "|".join(label(number)) if task == "multilabel" else label(number)
            rows.writerow((f"{number}.png", text, "val" if number % 4 == 0 else "train"))
    session, record = probed(tmp_path / "table.csv", weights, task=task)
    network = session.training.network
    wrong = session_of(tmp_path / "table.csv", weights, task=task)
    assert session.judge(network)["loss"] < wrong.judge(wrong.training.network)["loss"]
    assert record.row["train_loss"] > 0


def test_features_that_are_not_finite_are_an_error(photos: Photos, weights: Path) -> None:
    session = session_of(photos(COUNTS), weights)
    with torch.no_grad():
        session.training.network.get_parameter("fc2.bias")[0] = torch.inf
    with pytest.raises(NonFiniteLossError, match="features of the pretrained network"):
        fit_probe(session, bank_for(session.plan))


@pytest.mark.thorough
def test_rectified_outputs_are_kept_above_zero(photos: Photos, tmp_path: Path) -> None:
    weights = some_weights(tmp_path / "squeezenet.safetensors", "squeezenet1_1")
    session, record = probed(photos(COUNTS), weights, model="squeezenet1_1", image_size=48)
    assert record.row["val_accuracy"] == 1.0
    assert session.training.network.get_parameter("classifier.1.bias").min() > 0.4
    _check_positive(session)


def _check_positive(session: Session) -> None:
    lowest: list[float] = []
    layer = session.training.network.get_submodule("classifier.1")
    layer.register_forward_hook(lambda _, __, output: lowest.append(float(output.min())))
    session.judge(session.training.network)
    assert min(lowest) > 0
