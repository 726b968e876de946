"""Markers: when a setting counts, and how that is said."""

from __future__ import annotations

from typing import Any

import pytest

from onestop.recipe.markers import ON, For, Not, With, is_on


@pytest.mark.parametrize(
    ("value", "on"),
    [(0, False), (0.0, False), ("none", False), (False, False),
     (1, True), (0.5, True), ("flip", True), (True, True), ("0", True)],
)  # fmt: skip
def test_zero_none_and_false_are_off(value: object, on: bool) -> None:
    assert is_on(value) is on


@pytest.mark.parametrize(
    ("settings", "obstacle"),
    [
        ({"schedule": "step", "optimizer": "sgd"}, ""),
        ({"schedule": "step", "optimizer": "rmsprop"}, ""),
        ({}, ""),
        ({"optimizer": "sgd"}, ""),
        ({"schedule": "cosine"}, "--schedule cosine"),
        ({"schedule": "step", "optimizer": "adam"}, "--optimizer adam"),
        ({"schedule": "cosine", "optimizer": "adam"}, "--schedule cosine and --optimizer adam"),
    ],
)
def test_with_needs_all_its_settings(settings: dict[str, Any], obstacle: str) -> None:
    marker = With(schedule="step", optimizer=("sgd", "rmsprop"))
    assert marker.obstacle(settings) == obstacle
    assert marker.hint == "with --schedule step and --optimizer sgd or rmsprop"


@pytest.mark.parametrize(
    ("settings", "obstacle"),
    [
        ({}, ""),
        ({"freeze": "backbone"}, ""),
        ({"freeze": "backbone", "unfreeze_after": 0}, ""),
        ({"freeze": "backbone", "unfreeze_after": 0, "mixup": 0.0}, ""),
        ({"freeze": "none", "unfreeze_after": 0, "mixup": 0.2}, ""),
        (
            {"freeze": "backbone", "unfreeze_after": 0, "mixup": 0.2},
            "--freeze backbone, --unfreeze-after 0 and --mixup 0.2",
        ),
    ],
)
def test_not_needs_one_of_its_settings_to_differ(settings: dict[str, Any], obstacle: str) -> None:
    assert Not(freeze="backbone", unfreeze_after=0, mixup=ON).obstacle(settings) == obstacle


@pytest.mark.parametrize(
    ("marker", "task", "images", "refusal"),
    [
        (For("detection"), "detection", True, ""),
        (For("detection"), "regression", True, "is for detection, this is regression"),
        (For("a", "b"), "c", True, "is for a or b, this is c"),
        (For(images=True), "regression", True, ""),
        (For(images=True), "regression", False, "is for images, these are vectors"),
        (For("a", images=True), "a", True, ""),
        (For("a", images=True), "b", True, "is for a, this is b"),
        (For("a", images=True), "b", False, "is for images, these are vectors"),
    ],
)
def test_for_names_what_a_setting_is_for(
    marker: For, task: str, images: bool, refusal: str
) -> None:
    assert marker.refusal(task, images=images) == refusal


def test_for_objects_asks_what_predictions_are_about() -> None:
    marker = For(images=True, objects=True)
    assert marker.refusal("any", images=True, whole=False) == ""
    assert marker.refusal("any", images=True) == "is for objects in images, this is any"
    assert marker.refusal("any", images=False, whole=False) == "is for images, these are vectors"
    assert marker.hint == "for objects"


@pytest.mark.parametrize(
    ("shares", "refusal"), [(True, ""), (False, "is for classes or labels, this is regression")]
)
def test_for_shares_asks_what_the_loss_takes_whatever_the_task(shares: bool, refusal: str) -> None:
    assert For(shares=True).refusal("regression", images=False, shares=shares) == refusal


def test_hints_name_tasks_and_what_they_must_take() -> None:
    assert [For("a", "b").hint, For(images=True).hint] == ["for a or b", ""]
    assert For(images=True, shares=True).hint == "for classes or labels"
