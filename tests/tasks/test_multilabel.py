"""Several labels per image: loss, thresholds, meter, and predictions."""

from __future__ import annotations

import csv
import io
import json
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from onestop.data.mixing import MIX_DRAWS, mixed
from onestop.data.multihot import Multihot
from onestop.errors import ModelFileError, UsageError
from onestop.metrics.multilabel import FEW_POSITIVES
from onestop.runtime.csv_files import csv_text
from onestop.tasks import Label, make_task
from onestop.tasks.labels_meter import probabilities
from onestop.tasks.labels_prediction import LabelsPrediction, separator_for
from onestop.tasks.multilabel import (
    MAX_RATIO,
    Multilabel,
    balancing_weights,
    scores_and_truth,
)
from tests import losses

NAMES = ("ants", "bees", "outdoor")
OUTPUTS = torch.tensor([[2.0, -3.0, 0.5], [-2.0, -1.0, -3.0], [1.0, 1.0, 1.0], [-1.0, 4.0, -4.0]])
TARGETS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 1], [1, 1, 0]])
TASK = Multilabel(NAMES)


def loss_of(task: Multilabel, targets: Tensor = TARGETS, outputs: Any = OUTPUTS) -> float:
    return float(losses.loss_of(task, outputs, targets).total)


# --- loss ---


def test_the_loss_is_binary_cross_entropy_summed_over_labels_and_averaged_over_images() -> None:
    expected = F.binary_cross_entropy_with_logits(OUTPUTS, TARGETS) * len(NAMES)
    assert loss_of(TASK) == pytest.approx(float(expected))


def test_in_16_bits_the_loss_is_computed_in_32() -> None:
    assert losses.loss_of(TASK, OUTPUTS.bfloat16(), TARGETS).total.dtype == torch.float32


def test_smoothing_moves_targets_towards_a_half() -> None:
    smooth = Multilabel(NAMES, label_smoothing=0.2)
    expected = F.binary_cross_entropy_with_logits(OUTPUTS, TARGETS * 0.8 + 0.1) * 3
    assert loss_of(smooth) == pytest.approx(float(expected))


def test_balanced_weights_give_images_with_and_without_a_label_the_same_total() -> None:
    weights = balancing_weights(np.array([25, 50, 80]), 100)
    share = torch.tensor([0.25, 0.5, 0.8])
    torch.testing.assert_close(weights[0] * share, weights[1] * (1 - share))
    torch.testing.assert_close(weights[0] * share + weights[1] * (1 - share), torch.ones(3))
    parts = F.binary_cross_entropy_with_logits(OUTPUTS, TARGETS, reduction="none")
    weighted = parts * torch.where(TARGETS > 0, weights[0], weights[1])
    task = Multilabel(NAMES, weights=weights)
    assert loss_of(task) == pytest.approx(float(weighted.sum() / 4))


@pytest.mark.parametrize("count", [0, 1, 5, 995, 999, 1000])
def test_weights_of_rare_and_frequent_labels_are_capped(count: int) -> None:
    has, lacks = balancing_weights(np.array([count]), 1000).flatten().tolist()
    ratio = has / lacks
    assert ratio == pytest.approx(MAX_RATIO if count <= 5 else 1 / MAX_RATIO)
    share = count / 1000
    assert share * has + (1 - share) * lacks == pytest.approx(1, rel=1e-5)


def test_weights_are_finite_without_training_images() -> None:
    assert balancing_weights(np.array([0, 0]), 0).isfinite().all()


def test_the_loss_of_a_mixed_image_is_the_weighted_mean_of_both() -> None:
    draws = np.full(MIX_DRAWS, 0.3)
    inputs = torch.rand(4, 3, 8, 8)
    shares = Multihot(TARGETS.numpy(), NAMES).shares(TARGETS)
    _, shares = mixed(inputs, shares, 0.7, 0.0, draws)
    part = float(
        shares[0, 0]
    )  # both the first image and the last, which is mixed in, have the label
    assert part == pytest.approx(1)
    share = float(shares[1, 0])  # fraction of the first image in the second, which has no label
    both = (1 - share) * loss_of(TASK, TARGETS) + share * loss_of(TASK, TARGETS.roll(1, 0))
    assert 0 < share < 1
    assert loss_of(TASK, shares) == pytest.approx(both, rel=1e-5)


def test_auxiliary_classifiers_count_in_training() -> None:
    outputs = namedtuple("outputs", ["logits", "aux_logits2", "aux_logits1"])
    expected = loss_of(TASK) * 1.6
    assert loss_of(TASK, outputs=outputs(OUTPUTS, OUTPUTS, OUTPUTS)) == pytest.approx(expected)


def test_a_network_with_a_loss_of_its_own_is_refused() -> None:
    outputs = namedtuple("outputs", ["logits", "loss"])
    with pytest.raises(UsageError, match="has its own loss, which is for one class per image"):
        loss_of(TASK, outputs=outputs(OUTPUTS, len))


def test_training_counts_images_with_all_labels_correct_at_a_half() -> None:
    sums = losses.loss_of(TASK, OUTPUTS, TARGETS).sums
    assert {name: int(value) for name, value in sums.items()} == {"exact_match": 2}
    assert not sums["exact_match"].is_floating_point()


# --- thresholds ---


def data(images: int = 400) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    truth = rng.random((images, 3)) < np.array([0.5, 0.1, 0.01])
    outputs = 2 * truth - 1.5 + rng.normal(size=(images, 3))
    return torch.from_numpy(outputs).float(), torch.from_numpy(truth).float()


def test_thresholds_are_a_half_until_they_are_chosen_for_the_highest_f1() -> None:
    outputs, targets = data()
    assert TASK.thresholds == (0.5, 0.5, 0.5)
    settled = TASK.settle(outputs, targets)
    meters = [task.meter() for task in (TASK, settled)]
    for meter in meters:
        meter.update(outputs, targets)
    before, after = (meter.compute() for meter in meters)
    assert (targets.sum(0) >= FEW_POSITIVES).tolist() == [True, True, False]
    for name in ("ants", "bees"):
        assert after["per_label"][name]["f1"] > before["per_label"][name]["f1"]
        assert after["per_label"][name]["threshold"] == settled.thresholds[NAMES.index(name)] != 0.5
    raw = settled.uncalibrated().thresholds
    assert raw[2] == pytest.approx(0.5), "too few images to choose one"
    assert after["map"] == before["map"]
    assert after["loss"] < before["loss"], "calibrated"


def test_thresholds_survive_json_bit_for_bit() -> None:
    settled = TASK.settle(*data())
    options = json.loads(json.dumps(settled.options()))
    again = make_task("multilabel", NAMES, options)
    assert isinstance(again, Multilabel)
    assert again.thresholds == settled.thresholds
    assert again.options() == settled.options()


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": [0.5, 0.5]},
        {"thresholds": [0.5, 0.5, 1.0]},
        {"thresholds": [0.5, 0.5, 0]},
        {"thresholds": [0.5, 0.5, float("nan")]},
        {"thresholds": ["a", "b", "c"]},
        {"thresholds": 0.5},
        {"threshold": [0.5] * 3},
    ],
)
def test_other_thresholds_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError, match="cannot be set of its task 'multilabel'"):
        make_task("multilabel", NAMES, options)


# --- meter ---


def test_merged_meters_give_the_same_as_one() -> None:
    outputs, targets = data()
    whole, parts = TASK.meter(), [TASK.meter() for _ in range(3)]
    for first in range(0, 400, 50):
        batch = outputs[first : first + 50], targets[first : first + 50]
        whole.update(*batch)
        parts[first // 150].update(*batch)
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    assert parts[0].compute() == whole.compute()


def test_the_metrics_are_those_that_the_task_declares() -> None:
    meter = TASK.meter()
    meter.update(OUTPUTS, TARGETS)
    metrics = meter.compute()
    assert {metric.name for metric in TASK.metrics} <= metrics.keys()
    assert metrics["images"] == 4
    assert metrics["loss"] == pytest.approx(loss_of(TASK))
    assert list(metrics["per_label"]) == list(NAMES)


def test_a_meter_without_images() -> None:
    assert TASK.meter().compute()["images"] == 0


def test_nan_outputs_make_only_the_loss_nan() -> None:
    meter = TASK.meter()
    meter.update(OUTPUTS.clone().index_fill_(0, torch.tensor([1]), torch.nan), TARGETS)
    metrics = meter.compute()
    assert np.isnan(metrics["loss"])
    assert 0 < metrics["map"] <= 1


# --- predictions ---


def described(task: Multilabel = TASK, top: int = 2) -> list[LabelsPrediction]:
    predictions = task.describe(OUTPUTS, TARGETS, top)
    assert all(isinstance(prediction, LabelsPrediction) for prediction in predictions)
    return predictions  # type: ignore[return-value]


def test_labels_that_reach_their_thresholds_are_predicted_the_most_likely_first() -> None:
    first, second, third, fourth = described()
    assert first.text == "ants 88.1%, outdoor 62.2%"
    assert [label.name for label in third.labels] == ["ants", "bees", "outdoor"]
    assert (fourth.predicted_text, fourth.truth_text) == ("bees", "ants, bees")
    assert (second.labels, second.predicted_text, second.truth_text) == ((), "no label", "no label")
    assert [p.correct for p in described()] == [True, True, False, False]
    expected = F.binary_cross_entropy_with_logits(OUTPUTS, TARGETS, reduction="none").sum(1)
    assert [p.loss for p in described()] == pytest.approx(expected.tolist())


def test_if_no_label_reaches_its_threshold_the_closest_is_shown() -> None:
    closest = "bees 26.9%, threshold 50.0%"
    assert described()[1].text == f"no label reaches its threshold (closest: {closest})"
    task = Multilabel(NAMES, thresholds=(0.13, 0.9, 0.5))
    closest = "ants 11.9%, threshold 13.0%"
    assert described(task)[1].text == f"no label reaches its threshold (closest: {closest})"


def test_a_score_equal_to_the_threshold_reaches_it() -> None:
    exact = float(probabilities(OUTPUTS)[1, 1])
    task = Multilabel(NAMES, thresholds=(0.5, exact, 0.5))
    assert described(task)[1].predicted_text == "bees"


def test_without_targets_the_truth_is_unknown() -> None:
    (prediction,) = TASK.describe(OUTPUTS[:1])
    assert (prediction.truth, prediction.truth_text, prediction.correct) == (None, "", None)
    assert isinstance(prediction, LabelsPrediction)
    assert (prediction.invented, prediction.missed) == ((), ())


def test_missed_and_invented_labels() -> None:
    third, fourth = described()[2:]
    assert (third.missed, third.invented) == ((), ("ants",))
    assert (fourth.missed, fourth.invented) == (("ants",), ())
    both = LabelsPrediction(
        "", (Label("c", 0.9), Label("d", 0.6)), ("a", "b"),
        names=tuple("abcd"), scores=np.array([0.3, 0.1, 0.9, 0.6], np.float32),
    )  # fmt: skip
    assert (both.missed, both.invented) == (("b", "a"), ("c", "d"))


def test_as_json() -> None:
    first, second, *_ = described()
    assert first.to_json() == {
        "image": "",
        "labels": [
            {"label": "ants", "score": pytest.approx(0.881, abs=1e-3)},
            {"label": "outdoor", "score": pytest.approx(0.622, abs=1e-3)},
        ],
        "top": [
            {"label": "ants", "score": pytest.approx(0.881, abs=1e-3), "threshold": 0.5},
            {"label": "outdoor", "score": pytest.approx(0.622, abs=1e-3), "threshold": 0.5},
        ],
        "doubts": [],
    }
    row = json.loads(json.dumps(second.to_json()))
    assert (row["labels"], [top["label"] for top in row["top"]]) == ([], ["bees", "ants"])
    bad = LabelsPrediction("a.jpg", error="no image")
    assert bad.to_json() == {"image": "a.jpg", "error": "no image"}


def test_as_csv() -> None:
    rows = [prediction.to_csv() for prediction in described()]
    assert rows[0] == {
        "image": "", "label": "ants|outdoor", "score": "0.880797|0.622459", "error": "",
        "doubts": "",
    }  # fmt: skip
    assert rows[1] == {"image": "", "label": "", "score": "", "error": "", "doubts": ""}


def test_titles_in_a_grid_have_a_line_per_label_and_are_neither_right_nor_wrong() -> None:
    titles = [prediction.title("ants") for prediction in described()]
    assert titles[:2] == [("ants 88%\noutdoor 62%", None), ("no label", None)]
    many = Multilabel(tuple("abcdefg")).describe(torch.arange(7.0)[None])[0]
    assert many.title() == ("g 100%\nf 99%\ne 98%\nand 4 more", None)


@pytest.mark.parametrize(
    ("names", "separator"),
    [
        (("a", "b c"), "|"), (("a|b", "c"), ";"), (("a|b", "c;d"), ","),
        (("a|b", "c;d", "e, f"), "\t"),
    ],
)  # fmt: skip
def test_the_separator_is_in_none_of_the_names(names: tuple[str, ...], separator: str) -> None:
    assert separator_for(names) == separator


@pytest.mark.parametrize("names", [NAMES, ("=a", "b|c", "-d;e"), ("image", "truth", "score:x")])
def test_rows_of_predictions_csv_are_read_back_to_the_last_bit(names: tuple[str, ...]) -> None:
    task = Multilabel(names, thresholds=(0.3, 0.5, 0.62245935))
    predictions = task.describe(OUTPUTS, TARGETS)
    text = csv_text(task.columns(), map(task.to_row, predictions), header=True)
    again = [task.from_row(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    for prediction, other in zip(predictions, again, strict=True):
        assert isinstance(prediction, LabelsPrediction)
        assert isinstance(other, LabelsPrediction)
        assert (other.labels, other.truth, other.correct) == (
            prediction.labels, prediction.truth, prediction.correct,
        )  # fmt: skip
        assert other.scores.tobytes() == prediction.scores.tobytes()
        assert other.loss == pytest.approx(prediction.loss, rel=1e-5)
        assert other.thresholds == prediction.thresholds
    scores, truth = scores_and_truth(again, names)
    assert scores.tolist() == probabilities(OUTPUTS).tolist()
    assert truth.tolist() == (TARGETS > 0).tolist()


@pytest.mark.parametrize("row", [{}, {"image": "a", "truth": "ants", "predicted": "wasps"}])
def test_rows_of_another_task_are_refused(row: dict[str, str]) -> None:
    scores = {f"score:{name}": "0.5" for name in NAMES} if row else {}
    with pytest.raises((KeyError, ValueError)):
        TASK.from_row({**row, **scores, "correct": "1", "loss": "1"} if row else row)


def test_explained_labels_are_those_of_the_outputs_asked_for() -> None:
    labels = TASK.label(OUTPUTS[:2], [2, 1])
    assert [label.text for label in labels] == ["outdoor 62.2%", "bees 26.9%"]


def test_figures_are_drawn_from_predictions() -> None:
    figures = TASK.figures()
    assert list(figures) == ["precision_recall", "co_occurrence"]
    for draw in figures.values():
        assert draw(described()).axes


# --- calibration ---


def test_calibration_lowers_the_loss_and_changes_no_label() -> None:
    outputs, targets = data()
    settled = TASK.settle(3 * outputs, targets)
    raw = settled.uncalibrated()
    assert 0 < settled.scale < 1
    assert (raw.scale, raw.bias) == (1, 0)
    assert loss_in(settled, 3 * outputs, targets) < loss_in(raw, 3 * outputs, targets)
    for calibrated, plain in zip(
        settled.describe(3 * outputs, targets), raw.describe(3 * outputs, targets), strict=True
    ):
        assert {label.name for label in calibrated.labels} == {label.name for label in plain.labels}
        assert calibrated.correct == plain.correct


def loss_in(task: Multilabel, outputs: Tensor, targets: Tensor) -> float:
    meter = task.meter()
    meter.update(outputs, targets)
    return float(meter.compute()["loss"])


def test_reliability_is_of_all_labels_before_and_after() -> None:
    outputs, targets = data()
    settled = TASK.settle(3 * outputs, targets)
    values = settled.reliability(3 * outputs, targets)
    assert values["calibrated"]
    assert values["error"] < values["raw_error"]
    plain = settled.uncalibrated().reliability(3 * outputs, targets)
    assert (plain["calibrated"], plain["error"]) == (False, values["raw_error"])


def test_certainty_is_the_distance_of_the_closest_label_and_ignores_calibration() -> None:
    assert TASK.certainty(OUTPUTS).tolist() == pytest.approx([0.5, 1, 1, 1])
    settled = Multilabel(NAMES, thresholds=(0.5,) * 3, scale=2.0, bias=1.0)
    raw = settled.uncalibrated()
    assert settled.certainty(OUTPUTS).tolist() == raw.certainty(OUTPUTS).tolist()


@pytest.mark.parametrize("options", [{"scale": 0.0}, {"scale": -1.0}, {"bias": float("inf")}])
def test_other_calibrations_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError):
        make_task("multilabel", NAMES, options)
