"""What a model knows of its own predictions: stored, read back, refused if damaged, and used."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from onestop.errors import ModelFileError, UsageError
from onestop.inference.confidence import BYTES, MOST, Confidence, confidence_of, scores_of
from onestop.metrics.outliers import learn
from onestop.storage.model_file import Card
from onestop.tasks.prediction import UNLIKE, UNSURE


def features(images: int, width: int = 8, seed: int = 0) -> np.ndarray:
    middle = np.eye(width)[0] * 5
    return np.asarray(middle + np.random.default_rng(seed).normal(size=(images, width)))


def known(images: int = 100, width: int = 8) -> Confidence:
    scores = np.linspace(5, 0, images, dtype=np.float32)
    outliers = learn(features(60, width), features(60, width, 1))
    return Confidence(scores, scores > 0.3, outliers, "fc", "")


def card(values: dict[str, Any]) -> Card:
    preprocessing = {"kind": "image"}
    return Card("lenet5", {}, ("a", "b"), preprocessing, confidence=json.loads(json.dumps(values)))


def test_it_survives_json_bit_for_bit() -> None:
    before = known()
    after = confidence_of(card(before.to_json()))
    assert after.scores.tobytes() == before.scores.tobytes()
    assert after.right.tolist() == before.right.tolist()
    assert after.layer == "fc"
    assert before.outliers is not None
    assert after.outliers is not None
    others = features(20, seed=2)
    assert after.outliers.distances(others).tolist() == before.outliers.distances(others).tolist()
    assert after.outliers.threshold == before.outliers.threshold


def test_it_stays_small() -> None:
    text = json.dumps(known(MOST, 4096).to_json())
    assert BYTES / 2 < len(text) <= BYTES


def test_models_of_earlier_versions_know_nothing_and_doubt_nothing() -> None:
    nothing = confidence_of(card({}))
    assert nothing.doubts(2, torch.zeros(2), torch.zeros(2, 5), nothing.threshold(None)) == [(), ()]
    with pytest.raises(
        UsageError, match=r"^--max-error 5%: the model file does not hold .*; leave"
    ):
        nothing.threshold(0.05)
    assert confidence_of(card(Confidence(why_not="numbers").to_json())).why_not == "numbers"


def test_predictions_below_the_threshold_are_unsure_and_far_images_unlike() -> None:
    model = known()
    threshold = model.threshold(0.05)
    assert 0 < threshold < 5
    vectors = torch.from_numpy(np.stack([features(1)[0], -features(1)[0], features(1)[0]]))
    certainty = torch.tensor([threshold, threshold - 0.1, math.nan])
    assert model.doubts(3, certainty, vectors, threshold) == [(), (UNSURE, UNLIKE), (UNSURE,)]
    assert model.doubts(3, certainty, vectors, -math.inf)[:2] == [(), (UNLIKE,)]
    assert model.doubts(3, None, vectors, math.inf) == [(), (UNLIKE,), ()]


def test_what_cannot_be_guaranteed_makes_everything_unsure_and_is_explained() -> None:
    model = known(30)
    assert model.threshold(0.01) == math.inf
    assert model.explain(0.01) == (
        "note: --max-error 1% cannot be guaranteed with 30 validation images: that takes at least 230"
    )
    wrong = dataclasses.replace(known(300), right=np.zeros(300, np.bool_))
    assert "wrong too often on the 300 validation images" in wrong.explain(0.05)
    assert "\n" not in wrong.explain(0.05)


def test_what_is_guaranteed_is_explained() -> None:
    text = known().explain(0.2)
    assert text.startswith("note: of the answered images at most 20% are wrong, with 90% certainty")
    assert "(of those, 100 are answered, 6 wrong)" in text


def test_of_very_many_images_a_few_thousand_are_stored_always_the_same() -> None:
    certainty = torch.rand(MOST + 500)
    right = np.arange(MOST + 500) % 3 > 0
    scores, correct = scores_of(certainty, right, 1)
    assert len(scores) == len(correct) == MOST
    assert (np.diff(scores) <= 0).all()
    again = scores_of(certainty, right, 1)[0]
    assert scores.tobytes() == again.tobytes() != scores_of(certainty, right, 2)[0].tobytes()
    few = torch.tensor([1.0, math.nan, 3.0, math.inf])
    scores, correct = scores_of(few, np.array([True, True, False, True]), 0)
    assert (scores.tolist(), correct.tolist()) == ([3.0, 1.0], [False, True])


def damage(place: str, value: object) -> dict[str, Any]:
    values = known().to_json()
    inner, *names = values, *place.split(".")
    for name in names[:-1]:
        inner = inner[name]
    inner[names[-1]] = value
    return values


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("why_not", 3), ("layer", 3), ("layer", None), ("scores", "?"), ("scores", 3),
        ("scores", "AAAA"),
        ("right", "AA=="), ("right", None), ("scores", "A" * 10**6), ("outliers", []), ("outliers", {}),
        ("outliers.mean", ""), ("outliers.mean", "AACAfw=="),
        ("outliers.directions", "AAAAAA=="),
        ("outliers.variances", []), ("outliers.variances", [0.0] * 8), ("outliers.variances", "x"),
        ("outliers.variances", [1.0, None]), ("outliers.rest", 0.0), ("outliers.rest", "1"),
        ("outliers.length", [0.0]), ("outliers.length", [0.0, 0.0]), ("outliers.length", [1, "x"]),
        ("outliers.threshold", None), ("outliers.threshold", True), ("outliers.images", -1),
        ("outliers.held_out", 1.5),
    ],
)  # fmt: skip
def test_damaged_cards_are_refused_in_one_line(place: str, value: object) -> None:
    with pytest.raises(
        ModelFileError, match=r"^what its card says about confidence is damaged[^\n]*$"
    ):
        confidence_of(card(damage(place, value)))


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(ModelFileError, match="describes 8 features, the network has 5"):
        known().doubts(1, None, torch.zeros(1, 5), -math.inf)
