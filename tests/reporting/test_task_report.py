"""What a report says of any task, from its metrics and predictions alone."""

from __future__ import annotations

import dataclasses

from onestop.reporting.blocks import Table
from onestop.reporting.task_report import TaskReport
from tests.reporting.made import classified, prediction

RUN = classified(
    prediction("ant", "ant", 0.9, "a.jpg"),
    prediction("ant", "bee", 0.6, "b.jpg"),
    prediction("bee", "bee", 0.7, "c.jpg"),
)


def test_the_first_metric_says_how_well_it_did() -> None:
    said = TaskReport().result(RUN)
    assert "accuracy 66.67%" in said
    assert "3 held-out test images" in said
    unknown = dataclasses.replace(RUN, metrics={"images": 3, "split": "train"})
    assert "66" not in TaskReport().result(unknown)
    assert "held-out" not in TaskReport().held_out(unknown)


def test_its_sections_are_metrics_and_largest_losses() -> None:
    metrics, losses = TaskReport().sections(RUN)
    (table,), (worst,) = metrics.blocks, losses.blocks
    assert isinstance(table, Table)
    assert isinstance(worst, Table)
    assert [tuple(row) for row in table.rows] == [("accuracy", "66.67%"), ("loss", "0.5")]
    assert [row[0] for row in worst.rows] == ["b.jpg", "c.jpg", "a.jpg"]


def test_it_writes_no_tables_and_knows_no_shares() -> None:
    report = TaskReport()
    assert report.files(RUN) == {}
    assert report.shares(RUN) == {}
    assert report.remarks(RUN) == []
    assert report.cell(RUN) == "accuracy 66.67%"


def test_under_a_picture_stands_what_was_predicted_and_what_it_is() -> None:
    first, second = TaskReport().lines(prediction("ant", "bee", 0.75))
    assert "bee 75.0%" in first
    assert second.endswith("ant")
