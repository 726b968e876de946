"""What a report says of classes."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.reporting import write_report
from onestop.reporting.gather import gather
from onestop.reporting.tasks.classification import REPORT
from tests.reporting.html import Page
from tests.reporting.made import classified, prediction

Trained = Callable[..., onestop.Run]


def test_the_confusion_matrix_is_beside_it_in_numbers(trained: Trained) -> None:
    folder = trained("first").folder
    with (folder / "confusion.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["images"]) for row in rows) == 17
    right = sum(int(row["images"]) for row in rows if row["truth"] == row["predicted"])
    assert right / 17 == pytest.approx(trained("first").metrics["accuracy"])


def test_mistakes_are_ordered_by_their_loss(page: Page, trained: Trained) -> None:
    wrong = sorted(
        (v for v in trained("first").predictions if not v.correct), key=lambda v: -(v.loss or 0.0)
    )
    assert len(wrong) >= 3, "those with the wrong labels at least"
    shown = re.findall(r"\d{3}\.jpg", page.sections["mistakes"])
    assert shown == [Path(v.image).name for v in wrong[:12]]


def test_a_run_without_mistakes_or_pictures_says_so(
    trained: Trained, tmp_path: Path, odd_photos: Path
) -> None:
    run = trained("first")
    found = gather(run.folder)
    found.predictions = [v for v in found.predictions if v.correct]
    found.dataset = None
    text = Page(write_report(found, tmp_path / "r.html")).sections
    assert "There are none" in text["mistakes"]
    assert "No image is misclassified" in text["pairs"]
    assert ".jpg" in text["uncertain"], "a table instead of pictures"


def test_the_most_frequent_class_is_what_a_result_is_held_against() -> None:
    (said,) = REPORT.remarks(
        classified(*(prediction(t, "ant") for t in ("ant", "bee", "bee", "bee")))
    )
    assert "'bee'" in said
    assert "75%" in said


def test_a_result_has_its_interval_and_a_cell_the_same() -> None:
    run = classified(*(prediction("ant", label) for label in ("ant", "ant", "ant", "bee")))
    cell = REPORT.cell(run)
    assert (cell.at, round(cell.low, 3), round(cell.high, 3)) == (0.75, 0.301, 0.954)
    assert "75.0%" in REPORT.result(run)
    assert "30.1%" in REPORT.result(run)


def test_under_a_mistake_stands_how_likely_the_truth_was() -> None:
    assert REPORT.lines(prediction("ant", "bee", 0.75)) == ["bee 75%", "is ant 25%"]
    assert REPORT.lines(prediction("bee", "bee", 0.75)) == ["bee 75%", "or ant 25%"]


def test_without_predictions_there_is_nothing_to_say() -> None:
    assert REPORT.sections(classified()) == []
    assert REPORT.remarks(classified()) == []
    assert REPORT.files(classified()) == {}
