"""What a run stores at its end: with validation images and without, for every task, repeatably."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import onestop
from onestop.inference.confidence import confidence_of
from onestop.storage.model_file import read_card, read_model

SMALL: dict[str, Any] = {"threads": 1, "quiet": True, "workers": 0, "device": "cpu"}


def digits(out: Path, **settings: Any) -> onestop.Run:
    values = {"model": "lenet5", "epochs": 2, "lr": 0.05, **SMALL, **settings}
    return onestop.train("digits", out=out, **values)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    return digits(tmp_path_factory.mktemp("confidence"))


def test_the_model_file_holds_temperature_scores_and_features(run: onestop.Run) -> None:
    card = read_card(run.folder / "model.safetensors")
    known = confidence_of(card)
    assert 0 < card.task_options["temperature"] != 1
    validation = len(known.scores)
    assert 100 < validation < 200
    assert known.right.mean() > 0.5
    assert known.layer == "fc3"
    assert known.outliers is not None
    assert (known.outliers.images, known.outliers.held_out) == (1024, validation)


def test_metrics_say_that_probabilities_are_calibrated(run: onestop.Run) -> None:
    values = run.metrics["calibration"]
    assert values["calibrated"] is True
    assert values["error"] < values["raw_error"]
    assert onestop.evaluate(run.folder).metrics["calibration"] == values
    assert onestop.evaluate(run.folder).metrics["loss"] == pytest.approx(run.metrics["loss"])
    raw = onestop.evaluate(run.folder, no_calibration=True).metrics
    assert raw["calibration"]["calibrated"] is False
    assert raw["calibration"]["error"] == values["raw_error"]
    assert raw["accuracy"] == run.metrics["accuracy"]
    assert raw["loss"] > run.metrics["loss"]


def test_predictions_in_the_run_are_calibrated_and_raw_ones_have_the_same_labels(
    run: onestop.Run,
) -> None:
    again = onestop.evaluate(run.folder).predictions
    raw = onestop.evaluate(run.folder, no_calibration=True).predictions
    assert len(again) == len(run.predictions) == len(raw)
    for stored, new, own in zip(run.predictions, again, raw, strict=True):
        assert stored.label == new.label == own.label
        assert stored.score == pytest.approx(new.score, abs=1e-5)
    assert np.mean([p.score for p in raw]) != pytest.approx(np.mean([p.score for p in again]))


def test_the_tensors_are_the_networks_alone_and_not_changed(run: onestop.Run) -> None:
    _, tensors = read_model(run.folder / "model.safetensors")
    assert tensors.keys() == onestop.build("lenet5", classes=10).state_dict().keys()
    again = digits(run.folder.parent, name="again")
    other = read_model(again.folder / "model.safetensors")
    assert all(torch.equal(tensors[name], other[1][name]) for name in tensors)
    mine = read_card(run.folder / "model.safetensors")
    assert json.dumps(dict(other[0].confidence)) == json.dumps(dict(mine.confidence))
    assert other[0].task_options == mine.task_options


@pytest.mark.thorough
def test_a_run_that_is_extended_learns_it_anew(run: onestop.Run) -> None:
    longer = digits(run.folder.parent, name="longer", epochs=2)
    before = dict(read_card(longer.folder / "model.safetensors").confidence)
    onestop.train(resume=longer.folder, epochs=3, quiet=True)
    after = dict(read_card(longer.folder / "model.safetensors").confidence)
    assert before["scores"] != after["scores"]


def test_without_validation_images_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = digits(tmp_path, val_fraction=0, epochs=1, quiet=False)
    assert "without validation images probabilities are not calibrated" in capsys.readouterr().err
    card = read_card(run.folder / "model.safetensors")
    assert card.task_options == {"temperature": 1.0}
    assert confidence_of(card).why_not == "the run held out no validation images"
    image = np.zeros((8, 8), np.uint8)
    assert onestop.predict(run.folder, [image])[0].doubts == ()
    with pytest.raises(onestop.UsageError, match="held out no validation images; leave it out"):
        onestop.predict(run.folder, [image], max_error=0.1)


def test_few_validation_images_change_no_probability(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    labels = ["a", "b"] * 30
    run = onestop.train((images, labels), model="lenet5", epochs=1, out=tmp_path, **SMALL)
    assert run.metrics["calibration"]["calibrated"] is False
    assert confidence_of(read_card(run.folder / "model.safetensors")).outliers is None


def test_numbers_have_outliers_but_no_error_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 3)).astype(np.float32)
    run = onestop.train(
        (inputs, inputs.sum(1)), model="linear", epochs=2, val_fraction=0.3, out=tmp_path, **SMALL
    )
    assert "calibration" not in run.metrics
    far, near = onestop.predict(run.folder, [np.full(3, 1e4, np.float32), inputs[0]])
    assert far.doubts == ("unlike the training images",)
    assert far.unlike_training
    assert near.doubts == ()
    with pytest.raises(onestop.UsageError, match="neither correct nor wrong"):
        onestop.predict(run.folder, [inputs[0]], max_error="5%")  # type: ignore[arg-type]


@pytest.mark.thorough
def test_several_labels_per_image_are_calibrated_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((400, 3)) < 0.4
    images = rng.integers(0, 60, (400, 8, 8), dtype=np.uint8)
    for k in range(3):
        images[truth[:, k], 2 * k : 2 * k + 2] += 120
    run = onestop.train(
        (images, truth.astype(np.int64)), model="lenet5", epochs=6, lr=0.05, val_fraction=0.3,
        out=tmp_path, **SMALL,
    )  # fmt: skip
    options = read_card(run.folder / "model.safetensors").task_options
    assert options.keys() == {"thresholds", "scale", "bias"}
    assert run.metrics["calibration"]["error"] >= 0
    found = onestop.predict(run.folder, list(images[:40]), max_error=0.5)
    raw = onestop.predict(run.folder, list(images[:40]), no_calibration=True)
    for one, other in zip(found, raw, strict=True):
        assert {label.name for label in one.labels} == {label.name for label in other.labels}
    assert {*found[0].doubts} <= {"unsure", "unlike the training images"}
    assert sum(p.unlike_training for p in found) < 10
