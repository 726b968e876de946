"""What a report says of classes."""

from __future__ import annotations

import dataclasses

import pytest

from onestop.reporting.tasks.classification import REPORT
from onestop.tasks import Label, Prediction
from tests.reporting.test_task_report import a_run

ANT, BEE = Label("ant", 0.75), Label("bee", 0.25)
RIGHT = Prediction("a.jpg", (ANT, BEE), ("ant",), loss=0.3, truth_score=0.75, correct=True)
WRONG = Prediction("b.jpg", (ANT, BEE), ("bee",), loss=1.4, truth_score=0.25, correct=False)
RUN = a_run(predictions=[RIGHT, WRONG])


def test_the_result_has_an_interval() -> None:
    assert REPORT.result(RUN) == (
        "names 300 of 1,200 held-out test images right: accuracy 25.0%, with 95% confidence "
        "between 22.6% and 27.5%"
    )
    cell = REPORT.cell(RUN)
    assert (cell.at, str(cell)) == (0.5, "50.0%")


def test_every_section_needs_predictions() -> None:
    assert [section.key for section in REPORT.sections(RUN)] == [
        "classes", "confusion", "pairs", "mistakes", "uncertain", "calibration",
    ]  # fmt: skip
    assert all(section.blocks for section in REPORT.sections(RUN))
    nothing = a_run()
    assert (REPORT.sections(nothing), REPORT.files(nothing), REPORT.remarks(nothing)) == (
        [],
        {},
        [],
    )


def test_the_matrix_is_written_beside_the_page() -> None:
    assert REPORT.files(RUN) == {"confusion.csv": "truth,predicted,images\nant,ant,1\nbee,ant,1\n"}
    (caption,) = (
        getattr(block, "caption", "")
        for section in REPORT.sections(RUN, "mine-")
        if section.key == "confusion"
        for block in section.blocks
    )
    assert "mine-confusion.csv" in caption


@pytest.mark.parametrize(
    ("prediction", "lines"),
    [
        (RIGHT, ["ant 75%", "or bee 25%"]),
        (WRONG, ["ant 75%", "is bee 25%"]),
        (dataclasses.replace(RIGHT, labels=(ANT,)), ["ant 75%", "is ant"]),
    ],
)
def test_a_picture_has_the_other_class_under_it(prediction: Prediction, lines: list[str]) -> None:
    assert REPORT.lines(prediction) == lines


def test_the_baseline_is_the_most_frequent_class() -> None:
    (remark,) = REPORT.remarks(a_run(predictions=[RIGHT, RIGHT, WRONG]))
    assert "'ant'" in remark
    assert "67%" in remark


def test_shares_are_what_is_found_of_each_class() -> None:
    assert {name: share.at for name, share in REPORT.shares(RUN).items()} == {
        "ant": 1.0,
        "bee": 0.0,
    }
