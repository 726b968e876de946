"""CSV text: what a spreadsheet would compute is marked, and everything is read back as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from onestop.runtime.csv_files import csv_text, plain_cell
from onestop.runtime.files import write_atomic


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "-2+3", "@SUM(A1)", "\t=1"])
def test_text_that_a_spreadsheet_would_compute_is_marked(text: str) -> None:
    assert csv_text(("label",), [{"label": text}]).strip('"\n') == f"'{text}"


@pytest.mark.parametrize("value", [-1.5, "-1.5", "+2", "-1e-3", "a=b", "x-y", ""])
def test_numbers_and_plain_text_are_not(value: object) -> None:
    assert csv_text(("label",), [{"label": value}]).strip('"\n') == str(value)


def test_values_with_commas_quotes_and_newlines_survive(tmp_path: Path) -> None:
    odd = {"image": 'a,"b"\nc.jpg', "label": "1 + 1"}
    text = csv_text(("image", "label"), [odd], header=True)
    assert list(csv.DictReader(text.splitlines(keepends=True))) == [odd]


@pytest.mark.parametrize("text", ["=a", "'=a", "''=a", "'a", "-5", "'-5", "a", "'", "raw\udcff"])
def test_a_cell_is_what_it_was_made_of(tmp_path: Path, text: str) -> None:
    write_atomic(tmp_path / "p.csv", csv_text(("label",), [{"label": text}]))
    assert plain_cell((tmp_path / "p.csv").read_text(encoding="utf-8").strip("\n")) == text
