from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.data.dataset import DatasetInfo
from onestop.data.objects import Annotation, Objects
from onestop.recipe import Data
from onestop.tasks.detection_rules import MODEL, anchors, boxes_of, derived, regions
from tests.recipes import recipe

INFO = DatasetInfo(
    images=205, classes=3, channels=3, height=480, width=640, splits=("train",), task="detection"
)


def rules(**known: Any) -> dict[str, object]:
    info = known.pop("info", INFO)
    return {name: value for name, (value, _) in derived(known, info).items()}


def targets(*counts: int, side: float = 20) -> Objects:
    values = []
    for count in counts:
        boxes = np.tile(np.array([[5, 5, 5 + side, 5 + 2 * side]], np.float32), (count, 1))
        values.append(
            Annotation((100, 200), boxes, np.zeros(count, np.int64), np.arange(count) == 0,
                       np.ones(count, np.float32))
        )  # fmt: skip
    return Objects(values, ("cat",))


def test_a_detector_is_what_is_trained() -> None:
    assert rules()["model"] == MODEL
    assert "optimizer" not in rules(model="resnet18", weights="none"), "refused later"


@pytest.mark.parametrize(
    ("model", "weights", "optimizer", "rate", "frozen"),
    [
        ("rcnn:resnet18", "file.pt", "adamw", 4e-4, "2"),
        ("rcnn:resnet18", "none", "adamw", 4e-4, None),
        ("fasterrcnn_resnet50_fpn", "default", "sgd", 0.01, "2"),
        ("ssdlite320_mobilenet_v3_large", "default", "sgd", 0.01, "none"),
    ],
)  # fmt: skip
def test_rates_follow_what_is_pretrained(
    model: str, weights: str, optimizer: str, rate: float, frozen: str | None
) -> None:
    found = rules(model=model, weights=weights)
    assert (found["optimizer"], found["lr"], found.get("freeze")) == (optimizer, rate, frozen)


def test_a_pretrained_detector_takes_a_rate_per_image_of_the_batch() -> None:
    assert rules(model="fasterrcnn_resnet50_fpn", weights="default", batch_size=2)["lr"] == 0.005


def test_inputs_are_seen_whole_and_small_images_are_not_enlarged() -> None:
    found = rules(model="rcnn:resnet18", weights="none")
    assert found["fit"] == "pad"
    assert "image_size" not in found
    small = DatasetInfo(50, 1, 3, 90, 100, ("train",), task="detection")
    assert rules(model="rcnn:resnet18", weights="none", info=small)["image_size"] == 128
    assert rules(model="ssd300_vgg16", weights="default")["fit"] == "stretch"


def test_images_are_not_mirrored_if_points_would_change_places() -> None:
    blind = DatasetInfo(50, 1, 3, 90, 100, ("train",), task="detection", mirrors=False)
    assert rules(model=MODEL, weights="none")["augment"] == "flip"
    assert rules(model=MODEL, weights="none", info=blind)["augment"] == "none"


def test_anchors_are_fitted_in_pixels_of_the_input() -> None:
    data: Data = recipe(image_size=100, fit="stretch").data
    assert len(boxes_of(targets(5, 5))) == 8, "crowds say nothing"
    found = anchors(data, targets(20))
    assert found["smallest"] == pytest.approx((10 * 40) ** 0.5, rel=0.01)
    assert found["ratios"] == [4.0], "twice as wide as high images are pressed together"
    padded = anchors(recipe(image_size=100, fit="pad").data, targets(20))
    assert padded["ratios"] == [2.0]


def test_regions_follow_how_many_objects_there_are() -> None:
    assert regions(targets(1, 1)) == 64
    assert regions(targets(*[30] * 10)) == 128
    assert regions(targets(*[500] * 5)) == 512
    assert regions(targets(0)) == 64
