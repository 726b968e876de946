"""What a report says of a task that has no module of its own there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onestop.reporting.blocks import Table
from onestop.reporting.run_data import RunData
from onestop.reporting.task_report import TaskReport
from onestop.reporting.tasks import classification, regression, report_of
from onestop.storage.run_info import RunInfo
from onestop.tasks import Classification, Label, Prediction
from tests.recipes import recipe

SURE, UNSURE = (
    Prediction(name, (Label("ant", score),), ("bee",), loss=loss, correct=False)
    for name, score, loss in (("a.jpg", 0.9, 2.3), ("b.jpg", 0.6, 0.9))
)


def a_run(**changes: Any) -> RunData:
    metrics = {"accuracy": 0.25, "loss": 1.5, "images": 1_200, "split": "test"}
    values = {"metrics": {**metrics, "per_class": {"ant": {}, "bee": {}}}, **changes}
    info = RunInfo("classification", Classification.metrics)
    return RunData(Path("run"), recipe(), info, **values)


def tables(report: TaskReport, run: RunData) -> list[list[tuple[object, ...]]]:
    return [
        [tuple(row) for row in block.rows]
        for section in report.sections(run)
        for block in section.blocks
        if isinstance(block, Table)
    ]


def test_the_result_is_the_first_metric() -> None:
    report = TaskReport()
    assert report.result(a_run()) == "reaches accuracy 25.00% on 1,200 held-out test images"
    assert report.cell(a_run()) == "accuracy 25.00%"
    assert (report.remarks(a_run()), report.files(a_run()), report.shares(a_run())) == ([], {}, {})
    of_training = a_run(metrics={"images": 1, "split": "train"})
    assert report.result(of_training) == "reaches accuracy (not measured) on 1 training image"


def test_the_sections_are_the_metrics_and_the_largest_losses() -> None:
    metrics, losses = tables(TaskReport(), a_run(predictions=[UNSURE, SURE]))
    assert metrics == [("accuracy", "25.00%"), ("loss", "1.5")]
    assert losses == [
        ("a.jpg", "bee", "ant 90.0%", "2.3"),
        ("b.jpg", "bee", "ant 60.0%", "0.9"),
    ]
    assert [section.blocks for section in TaskReport().sections(a_run())][1] == []


def test_a_picture_has_the_prediction_and_the_truth_under_it() -> None:
    assert TaskReport().lines(SURE) == ["ant 90.0%", "is bee"]


def test_a_module_named_like_a_task_says_more_of_it() -> None:
    assert report_of("classification") is classification.REPORT
    assert report_of("regression") is regression.REPORT
    for name in ("nonesuch", "os", "", "classification.x", "__init__"):
        assert type(report_of(name)) is TaskReport
