"""The page of a run: every part of it is there, true, and harmless."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.errors import UsageError
from onestop.reporting import write_comparison, write_report
from tests.reporting.made import classified, prediction

Trained = Callable[..., onestop.Run]


@pytest.mark.parametrize("error", [onestop.OneStopError("no room"), AttributeError("no room")])
def test_a_page_that_cannot_be_written_does_not_spoil_the_run(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setenv("ONESTOP_REPORT", "1")
    monkeypatch.setattr("onestop.reporting.write_report", fail)
    run = onestop.train("digits", epochs=1, model="lenet5")
    assert "warning: no report.html (no room); try again with: onestop report" in (
        capsys.readouterr().err
    )
    assert json.loads((run.folder / "metrics.json").read_text())["images"] > 0


def test_a_page_under_another_name_has_its_tables_beside_it(tmp_path: Path) -> None:
    run = classified(prediction("ant", "bee"), folder=tmp_path)
    assert write_report(run, tmp_path / "mine.html") == tmp_path / "mine.html"
    assert (tmp_path / "mine-confusion.csv").read_text().startswith("truth,predicted,images")
    assert "mine-confusion.csv" in (tmp_path / "mine.html").read_text()


def test_a_table_of_somebody_elses_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine-confusion.csv").write_text("my,own,table\n")
    with pytest.raises(UsageError, match=r"mine-confusion\.csv"):
        write_report(classified(prediction("ant", "bee"), folder=tmp_path), tmp_path / "mine.html")
    assert (tmp_path / "mine-confusion.csv").read_text() == "my,own,table\n"


def test_runs_beside_each_other_are_in_a_file_of_both_names(tmp_path: Path) -> None:
    runs = [
        classified(prediction("ant", label), folder=tmp_path / name)
        for name, label in (("a", "ant"), ("b", "bee"))
    ]
    assert write_comparison(runs) == tmp_path / "compare-a-b.html"
