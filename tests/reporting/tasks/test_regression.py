"""What a report says of predicted numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import onestop
from onestop.reporting.blocks import Plot, Table
from onestop.reporting.gather import gather
from onestop.reporting.summary import headline
from onestop.reporting.tasks.regression import REPORT
from tests.reporting.html import Page
from tests.reporting.made import fitted


@pytest.mark.thorough
def test_numbers_have_a_page_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_REPORT", "1")
    x = np.linspace(-1, 1, 60, dtype=np.float32)
    run = onestop.train((x, 2 * x + 1), model="linear", epochs=20, quiet=True)
    page = Page(run.folder / "report.html")
    assert list(page.sections) == [
        "result",
        "curves",
        "fit",
        "confidence",
        "data",
        "time",
        "repeat",
    ]
    assert "has a root mean squared error of" in " ".join(page.sections["result"].split())
    assert "onestop.train(data, recipe=" in page.sections["repeat"]
    assert "linear was trained on data passed in Python" in page.sections["result"]
    found = gather(run.folder)
    assert "% of their variance" in headline(found)
    found.metrics["r2"] = -0.008
    assert "; no better than always predicting their mean." in headline(found)
    labels = [tag["aria-label"] or "" for tag in page.of("div") if "aria-label" in tag]
    assert any("val_rmse" in label for label in labels)
    assert "passed in Python" in gather(run.folder).gone[0]


def test_the_largest_errors_come_first() -> None:
    run = fitted((1.0, 1.5), (2.0, 4.0), (3.0, 3.0))
    (section,) = REPORT.sections(run)
    picture, table = section.blocks
    assert isinstance(picture, Plot)
    assert isinstance(table, Table)
    assert [(row[0], row[3]) for row in table.rows] == [("#1", "2"), ("#0", "0.5"), ("#2", "0")]
    assert REPORT.cell(run).startswith(f"{(4.25 / 3) ** 0.5:.4g} (")


def test_a_run_without_predictions_has_no_interval_and_no_figure() -> None:
    run = fitted(metrics={"split": "val", "images": 3, "rmse": 2.0, "r2": -0.1})
    assert "95%" not in REPORT.result(run)
    assert "3 validation samples" in REPORT.result(run)
    assert [section.blocks for section in REPORT.sections(run)] == [[]]
