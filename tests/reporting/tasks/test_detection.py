"""What the report says of objects, from predictions made up; for pages see tests/test_detection.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from onestop.metrics.objects import ImageObjects
from onestop.reporting.blocks import Table
from onestop.reporting.tasks import report_of
from onestop.reporting.tasks.detection import REPORT, errors_of
from onestop.tasks.detection import Detection
from onestop.tasks.objects_prediction import ObjectsPrediction

NAMES = ("cat", "dog")


def objects(*rows: tuple[float, float, float, float, int, float]) -> ImageObjects:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return ImageObjects((100, 100), table[:, :4], table[:, 4].astype(np.int64), table[:, 5])


def prediction(found: ImageObjects, true: ImageObjects, image: str = "a.png") -> ObjectsPrediction:
    empty = ObjectsPrediction(image, names=NAMES, thresholds=(0.5, 0.5))
    return empty.with_objects(found, true)


TRUE = objects((0, 0, 20, 20, 0, 1), (40, 40, 60, 60, 1, 1), (70, 70, 90, 90, 1, 1))
FOUND = objects((0, 0, 20, 20, 0, 0.9), (40, 40, 60, 60, 0, 0.8), (10, 60, 30, 80, 1, 0.7),
                (1, 1, 5, 5, 0, 0.1))  # fmt: skip


def run(*predictions: ObjectsPrediction, split: str = "test", **options: Any) -> Any:
    task = Detection(NAMES, **options)
    metrics = {"ap": 0.4, "ap50": 0.6, "objects": 3, "images": len(predictions)}
    return SimpleNamespace(
        predictions=list(predictions), metrics=metrics, task=task, names=NAMES, split=split,
        dataset=None, model=None, name="", folder=SimpleNamespace(name="x"),
    )  # fmt: skip


def test_errors_of_an_image() -> None:
    assert errors_of(prediction(FOUND, TRUE)) == (1, 1, 1), "missed, invented, another class"
    assert errors_of(prediction(TRUE, TRUE)) == (0, 0, 0)


def test_it_is_found_by_the_name_of_the_task() -> None:
    assert report_of("detection") is REPORT


def test_the_result_has_an_interval() -> None:
    text = REPORT.result(run(prediction(FOUND, TRUE), prediction(TRUE, TRUE, "b.png")))
    assert "average precision (AP) of 40.0%" in text
    assert "95% confidence interval" in text
    nothing = run(prediction(FOUND, TRUE))
    nothing.metrics = {"images": 1}
    assert "in which there are no objects" in REPORT.result(nothing)


def test_remarks_say_what_is_optimistic_and_which_sigmas() -> None:
    (remark,) = REPORT.remarks(run(split="val"))
    assert "thresholds were chosen on the same images" in remark
    parts: Any = {"parts": ("boxes", "keypoints"), "points": ("x",), "sigmas": (0.07,)}
    (remark,) = REPORT.remarks(run(**parts))
    assert "sigmas of 0.07" in remark


def test_sections_are_made_without_pictures() -> None:
    sections = REPORT.sections(run(prediction(FOUND, TRUE), prediction(TRUE, TRUE, "b.png")))
    assert [section.key for section in sections] == [
        "classes", "precision-recall", "confusion", "worst", "sizes",
    ]  # fmt: skip
    (table,) = sections[0].blocks
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["cat", "dog"]
    assert REPORT.sections(run()) == []


def test_shares_are_recalls_and_two_runs_differ() -> None:
    one, other = run(prediction(FOUND, TRUE)), run(prediction(TRUE, TRUE))
    assert {name: share.at for name, share in REPORT.shares(one).items()} == {
        "cat": 1.0,
        "dog": 0.0,
    }
    (text,) = REPORT.differences(one, other)
    assert text.startswith("AP is ")
    assert REPORT.differences(one, run()) == ()
    assert REPORT.cell(other).startswith("AP 40.0% (")
    assert REPORT.lines(prediction(FOUND, TRUE)) == ["2 x cat, 1 x dog", "is 1 x cat, 2 x dog"]


def test_nothing_there_and_nothing_found() -> None:
    empty = objects()
    sections = REPORT.sections(run(prediction(empty, empty)))
    assert len(sections) == 5
    with pytest.raises(StopIteration):
        next(iter(REPORT.differences(run(), run())))
