from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from onestop.errors import UsageError
from onestop.metrics import coco
from onestop.metrics.coco import Kind, coco_metrics, flat, require_evaluator
from onestop.metrics.matches import average_precisions, matches_of
from onestop.metrics.objects import ImageObjects
from tests.detection_made import near, random_truth

pytest.importorskip("faster_coco_eval")
NAMES = ("a", "b", "c")


def made(seed: int, images: int = 12, **options: Any) -> tuple[list[ImageObjects], ...]:
    rng = np.random.default_rng(seed)
    truths = [random_truth(rng, **options) for _ in range(images)]
    return truths, [near(rng, true) for true in truths]


def reference(
    truths: Sequence[ImageObjects], found: Sequence[ImageObjects], kind: Kind, sigmas: Any = ()
) -> list[float]:
    """The figures of pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = [
        {"id": n, "height": t.size[0], "width": t.size[1]} for n, t in enumerate(truths, 1)
    ]
    given = coco._numbered(a for n, t in enumerate(truths, 1) for a in coco._truth(n, t, kind))
    guessed = [a for n, t in enumerate(found, 1) for a in coco._found(n, t, kind)]
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = COCO()
        dataset.dataset = {
            "images": images, "annotations": given,
            "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES, 1)],
        }  # fmt: skip
        dataset.createIndex()
        evaluator = COCOeval(dataset, dataset.loadRes(guessed), kind)
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
@pytest.mark.parametrize("kind", ["bbox", "segm"])
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
    table = average_precisions(matches_of(truths, found, len(NAMES), masks=masks))
    values = coco_metrics(truths, found, NAMES, "segm" if masks else "bbox")
    assert np.nanmean(table) == pytest.approx(values["ap"], abs=1e-9)
    assert np.nanmean(table[:, 0]) == pytest.approx(values["ap50"], abs=1e-9)
    of_each = [values["per_class"][name]["ap"] for name in NAMES]
    assert table.mean(1) == pytest.approx(of_each, abs=1e-9)


def test_what_is_perfect_scores_one() -> None:
    truths, _ = made(1, crowd=False)
    values = coco_metrics(truths, truths, NAMES, "segm")
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


def test_without_the_evaluator_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'onestop-vision\[detection\]'"):
        require_evaluator()
