"""What a report says of predicted numbers."""

from __future__ import annotations

from pathlib import Path

from onestop.reporting.blocks import Table
from onestop.reporting.run_data import RunData
from onestop.reporting.tasks.regression import REPORT
from onestop.storage.run_info import RunInfo
from onestop.tasks import Label, Prediction, Regression
from tests.recipes import recipe

METRICS = {"rmse": 0.5, "mae": 0.4, "r2": 0.9, "loss": 0.25, "images": 2, "split": "val"}
NEAR, FAR = (
    Prediction(name, (Label(str(value), value, number=True),), ("1.5",), loss=(value - 1.5) ** 2)
    for name, value in (("#0", 1.25), ("#1", 3.5))
)


def a_run(predictions: list[Prediction]) -> RunData:
    info = RunInfo("regression", Regression.metrics)
    return RunData(Path("run"), recipe(), info, METRICS, predictions=predictions)


def test_the_result_is_the_error_with_its_interval() -> None:
    result = REPORT.result(a_run([NEAR, FAR]))
    assert "2 validation samples by 0.5 (root mean square, with 95% confidence between" in result
    assert "explains 90.0% of their variance" in result
    assert "confidence" not in REPORT.result(a_run([]))
    assert REPORT.cell(a_run([NEAR, FAR])).startswith("0.5 (0.25 to 2)")


def test_the_largest_errors_come_first() -> None:
    (section,) = REPORT.sections(a_run([NEAR, FAR]))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert [tuple(row) for row in table.rows] == [
        ("#1", "1.5", "3.5", "2"), ("#0", "1.5", "1.25", "0.25"),
    ]  # fmt: skip
    (empty,) = REPORT.sections(a_run([]))
    assert empty.blocks == []
