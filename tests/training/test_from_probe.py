"""Derived settings of runs that start from a probe."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from onestop.data.dataset import DatasetInfo
from onestop.training.from_probe import probe_rules, rules

INFO = DatasetInfo(
    images=244, classes=2, channels=3, height=375, width=500, splits=("train", "val")
)
KNOWN: dict[str, Any] = {
    "weights": "default", "crop_fraction": None, "schedule": "cosine", "probe": "fit",
}  # fmt: skip


def values(images: int, **known: Any) -> dict[str, object]:
    info = dataclasses.replace(INFO, images=images)
    return {name: value for name, (value, _) in rules({**KNOWN, **known}, info).items()}


@pytest.mark.parametrize(
    ("known", "size", "expected"),
    [
        ({}, 224, "choose"),
        ({"image_size": 192}, 224, "fit"),
        ({"crop_fraction": 1.0}, 224, "fit"),
        ({}, 32, "fit"),
        ({"normalize": "dataset"}, 224, "fit"),
        ({"channels": 1}, 224, "fit"),
        ({"weights": "none"}, 224, "none"),
        ({"unfreeze_after": 2}, 224, "none"),
        ({"cached_augmentations": 4}, 224, "none"),
    ],
)
def test_size_and_crop_are_chosen_only_where_they_are_free(
    known: dict[str, Any], size: int, expected: str
) -> None:
    assert probe_rules({**KNOWN, **known}, INFO, size)["probe"][0] == expected


def test_vectors_have_none() -> None:
    info = dataclasses.replace(INFO, vectors=True)
    assert probe_rules(KNOWN, info, 1)["probe"][0] == "none"


@pytest.mark.parametrize(
    ("images", "batch", "epochs", "freeze"),
    [(10, 10, 8, "half"), (244, 16, 6, "half"), (1_000, 32, 3, "half"), (2_000, 32, 3, "none"),
     (50_000, 64, 3, "none")],
)  # fmt: skip
def test_more_images_are_passed_over_fewer_times_and_train_all_stages(
    images: int, batch: int, epochs: int, freeze: str
) -> None:
    derived = values(images)
    assert (derived["batch_size"], derived["epochs"], derived["freeze"]) == (batch, epochs, freeze)


def test_targets_are_softened_where_they_are_classes() -> None:
    assert (values(244)["label_smoothing"], values(244)["mixup"]) == (0.1, 0.2)
    numbers = rules(KNOWN, dataclasses.replace(INFO, task="regression"))
    assert (numbers["label_smoothing"][0], numbers["mixup"][0]) == (0.0, 0.0)
    assert values(244, batch_size=1)["mixup"] == 0.0
    assert values(244, freeze="backbone")["mixup"] == 0.0


def test_the_rate_follows_from_the_optimizer_and_the_warm_up_from_the_epochs() -> None:
    assert (values(244)["lr"], values(244, optimizer="sgd")["lr"]) == (3e-4, 0.004)
    assert (values(244)["warmup_epochs"], values(244, epochs=20)["warmup_epochs"]) == (0.6, 2.0)
    assert values(244, schedule="one-cycle")["warmup_epochs"] == 1.8


def test_runs_without_a_probe_have_other_rules() -> None:
    assert values(244, probe="none") == {}
