"""The section on confidence, by what the model file holds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from onestop.inference.confidence import Confidence
from onestop.metrics.calibration import calibration_metrics
from onestop.metrics.outliers import learn
from onestop.reporting.blocks import Table, Text
from onestop.reporting.confidence import confidence_blocks
from onestop.reporting.run_data import RunData
from onestop.storage.model_file import Card
from tests.reporting.made import classified

RIGHT = [True, False, True] * 3


def run_with(known: Confidence | None, *, split: str = "val") -> RunData:
    calibration = calibration_metrics([1.0] * 9, [0.6] * 9, RIGHT, calibrated=True)
    card = Card("lenet5", {}, ("a", "b"), {}, confidence=known.to_json() if known else {})
    metrics = {"split": split, "images": 9, "calibration": calibration}
    return classified(metrics=metrics, card=card)


def texts(run: RunData) -> str:
    return " ".join(block.text for block in confidence_blocks(run) if isinstance(block, Text))


def test_calibration_is_told_before_and_after_and_where_it_was_fitted() -> None:
    text = texts(run_with(None))
    assert text.startswith("Probabilities are calibrated: expected calibration error 6.7% (95%")
    assert "; before 33.3% (" in text
    assert "so the error after it is slightly optimistic" in text
    assert "optimistic" not in texts(run_with(None, split="test"))


def test_error_rates_that_can_be_guaranteed_are_a_table() -> None:
    scores = np.linspace(5, 0, 100, dtype=np.float32)
    features = np.random.default_rng(0).normal(size=(100, 5)) + 3
    outliers = learn(features[:50], features[50:])
    run = run_with(Confidence(scores, scores > 0.3, outliers, "fc", ""))
    (table,) = (block for block in confidence_blocks(run) if isinstance(block, Table))
    rates = {row[0]: tuple(row[1:]) for row in table.rows}
    assert rates["1%"] == ("none", "")
    assert rates["20%"] == ("100", "6")
    assert "what layer fc takes in for 50 training images" in texts(run)
    assert "with 90% certainty, for images like the 100 validation images" in texts(run)


def test_what_is_not_known_is_said() -> None:
    text = texts(run_with(Confidence(why_not="the run held out no validation images")))
    assert "No error rate can be guaranteed: the run held out no validation images." in text
    assert "too few images to tell others that are unlike them" in text


@pytest.mark.parametrize("metrics", [{}, {"split": "val", "calibration": {"error": 0.1}}])
def test_runs_that_are_not_done_or_damaged_have_no_section(metrics: dict[str, object]) -> None:
    assert confidence_blocks(classified(metrics=metrics, card=None)) == []


def test_a_damaged_card_costs_only_its_part() -> None:
    run = run_with(None)
    assert run.card is not None
    card = dataclasses.replace(run.card, confidence={"why_not": 3})
    assert "about confidence is damaged" in texts(dataclasses.replace(run, card=card))
