"""Against pycocotools, the reference, on the same objects."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from onestop.metrics.coco import coco_metrics, flat, sizes_of
from onestop.metrics.matches import average_precisions, matches_in, pairs_of
from onestop.metrics.objects import ImageObjects, Kind
from onestop.metrics.rle import to_coco
from tests.detection_made import near, random_truth

NAMES = ("a", "b", "c")
REFERENCE = {"boxes": "bbox", "masks": "segm", "keypoints": "keypoints"}


def made(seed: int, images: int = 12, **options: Any) -> tuple[list[ImageObjects], ...]:
    rng = np.random.default_rng(seed)
    truths = [random_truth(rng, **options) for _ in range(images)]
    return truths, [near(rng, true) for true in truths]


def as_coco(image: int, objects: ImageObjects, kind: Kind, *, truth: bool) -> list[dict[str, Any]]:
    rows = []
    for i, (x1, y1, x2, y2) in enumerate(objects.boxes.astype(np.float64).tolist()):
        row: dict[str, Any] = {"image_id": image, "category_id": int(objects.classes[i]) + 1}
        if truth:
            row |= {"area": objects.areas[i], "iscrowd": int(objects.crowds[i])}
        else:
            row["score"] = float(objects.scores[i])
        if truth or kind == "boxes":
            row["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        if kind == "masks" and objects.masks is not None:
            row["segmentation"] = to_coco(objects.masks[i])
        if kind == "keypoints" and objects.points is not None:
            row["keypoints"] = objects.points[i].astype(np.float64).reshape(-1).tolist()
            row["num_keypoints"] = int((objects.points[i, :, 2] > 0).sum())
        rows.append(row)
    return rows


def reference(
    truths: Sequence[ImageObjects], found: Sequence[ImageObjects], kind: Kind, sigmas: Any = ()
) -> list[float]:
    """The figures of pycocotools. Objects are numbered from 1: number 0 would count as unmatched."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = [{"id": n, "height": t.size[0], "width": t.size[1]} for n, t in enumerate(truths, 1)]
    rows = [r for n, t in enumerate(truths, 1) for r in as_coco(n, t, kind, truth=True)]
    guessed = [r for n, t in enumerate(found, 1) for r in as_coco(n, t, kind, truth=False)]
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = COCO()
        dataset.dataset = {
            "images": images,
            "annotations": [{**row, "id": number} for number, row in enumerate(rows, 1)],
            "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES, 1)],
        }
        dataset.createIndex()
        evaluator = COCOeval(dataset, dataset.loadRes(guessed), REFERENCE[kind])
        if len(sigmas):
            evaluator.params.kpt_oks_sigmas = np.asarray(sigmas)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return [float(value) for value in evaluator.stats]


def plain(values: dict[str, Any], keys: Sequence[str]) -> list[float]:
    """Values as the reference has them: -1 where nothing is."""
    return [-1.0 if math.isnan(values[key]) else values[key] for key in keys]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_figures_are_those_of_the_reference(seed: int, kind: Kind) -> None:
    pytest.importorskip("pycocotools")
    truths, found = made(seed)
    ours, theirs = coco_metrics(truths, found, NAMES, kind), reference(truths, found, kind)
    keys = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    assert plain(ours, keys) == pytest.approx(theirs[:6], abs=1e-9)
    assert ours["ar"] == pytest.approx(theirs[8], abs=1e-9)


def test_figures_of_key_points_are_those_of_the_reference() -> None:
    pytest.importorskip("pycocotools")
    truths, found = made(5, points=4, crowd=False)
    sigmas = (0.05, 0.1, 0.2, 0.3)
    ours = coco_metrics(truths, found, NAMES, "keypoints", sigmas)
    theirs = reference(truths, found, "keypoints", sigmas)
    keys = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar")
    assert plain(ours, keys) == pytest.approx(theirs[:6], abs=1e-9)
    assert 0 < ours["ap"] < 1


@pytest.mark.parametrize("masks", [False, True])
def test_rows_give_the_same_average_precision(masks: bool) -> None:
    truths, found = made(7, images=20)
    table = average_precisions(
        matches_in(pairs_of(truths, found, len(NAMES), "masks" if masks else "boxes"))
    )
    values = coco_metrics(truths, found, NAMES, "masks" if masks else "boxes")
    assert np.nanmean(table) == pytest.approx(values["ap"], abs=1e-9)
    assert np.nanmean(table[:, 0]) == pytest.approx(values["ap50"], abs=1e-9)
    of_each = [values["per_class"][name]["ap"] for name in NAMES]
    assert table.mean(1) == pytest.approx(of_each, abs=1e-9)


def test_what_is_perfect_scores_one() -> None:
    truths, _ = made(1, crowd=False)
    values = coco_metrics(truths, truths, NAMES, "masks")
    assert values["ap"] == values["ar"] == values["per_class"]["a"]["ap50"] == 1


def test_images_without_objects_can_only_cost_precision() -> None:
    truths, found = made(2)
    empty = ImageObjects((50, 50))
    more = coco_metrics([*truths, empty], [*found, empty], NAMES)
    assert flat(more) == flat(coco_metrics(truths, found, NAMES))
    wrong = near(np.random.default_rng(0), empty, invented=20)
    assert coco_metrics([*truths, empty], [*found, wrong], NAMES)["ap"] < more["ap"]


def test_nothing_predicted_scores_zero_and_nothing_there_is_no_number() -> None:
    truths, _ = made(3)
    none = [ImageObjects(true.size) for true in truths]
    assert coco_metrics(truths, none, NAMES)["ap"] == 0
    assert math.isnan(coco_metrics(none, none, NAMES)["ap"])
    assert flat(coco_metrics(none, none, NAMES)) == {}
    assert flat({"ap": 0.5, "per_class": {}}, "_mask") == {"ap_mask": 0.5}


@pytest.mark.parametrize("stated", [5.0, 5_000.0])
def test_areas_count_as_the_data_state_them(stated: float) -> None:
    truths, found = made(4, crowd=False)
    truths = [replace(t, area=np.full(len(t), stated, np.float32)) for t in truths]
    ours, theirs = coco_metrics(truths, found, NAMES), reference(truths, found, "boxes")
    assert plain(ours, ("ap_small", "ap_medium", "ap_large")) == pytest.approx(
        theirs[3:6], abs=1e-9
    )


def test_key_points_that_nobody_marked_are_not_objects_to_find() -> None:
    truths, found = made(6, points=4, crowd=False)
    blind = [
        replace(t, points=t.points * (np.arange(len(t)) % 2)[:, None, None].astype(np.float32))
        for t in truths
        if t.points is not None
    ]
    sigmas = (0.2,) * 4
    ours = coco_metrics(blind, found, NAMES, "keypoints", sigmas)
    theirs = reference(blind, found, "keypoints", sigmas)
    keys = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar")
    assert plain(ours, keys) == pytest.approx(theirs[:6], abs=1e-9)
    assert sizes_of("keypoints") == ("medium", "large")
