"""`onestop report` on the command line and in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import onestop
from onestop.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("runs")
    small: dict[str, Any] = {"epochs": 2, "threads": 1}
    first = onestop.train("digits", name="one", out=out, quiet=True, **small)
    second = onestop.train("digits", name="two", out=out, quiet=True, seed=1, **small)
    return [first.folder, second.folder]


@pytest.mark.thorough
def test_a_page_is_written_into_the_runs_folder(runs: list[Path], capsys: Capture) -> None:
    (runs[0] / "report.html").unlink(missing_ok=True)
    assert main(["report", str(runs[0])]) == 0
    *said, path = capsys.readouterr().out.splitlines()
    assert Path(path) == runs[0] / "report.html"
    assert Path(path).is_file()
    assert said[0].startswith("lenet5 was trained on digits (10 classes, 1,293 training images)")


@pytest.mark.thorough
def test_json_says_the_same(runs: list[Path], capsys: Capture, tmp_path: Path) -> None:
    assert main(["report", str(runs[0]), "--out", "page.html", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(tmp_path / "page.html")
    assert len(found["said"]) == 2
    assert (tmp_path / "page-confusion.csv").is_file()


@pytest.mark.thorough
def test_a_table_of_somebody_elses_is_not_replaced(
    runs: list[Path], capsys: Capture, tmp_path: Path
) -> None:
    mine = tmp_path / "page-confusion.csv"
    mine.write_text("mine\n")
    assert main(["report", str(runs[0]), "--out", "page.html"]) == 2
    assert "page-confusion.csv: exists and is not a report's table" in capsys.readouterr().err
    assert mine.read_text() == "mine\n"
    assert not (tmp_path / "page.html").exists()


@pytest.mark.thorough
def test_the_folder_one_is_in_has_a_name(
    runs: list[Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs[0])
    assert main(["report", ".", "../two"]) == 0
    said, path = capsys.readouterr().out.splitlines()
    assert ", two gets " in said
    assert " that one gets wrong, " in said
    assert Path(path) == runs[0].parent / "compare-one-two.html"


def test_two_runs_are_compared(runs: list[Path], capsys: Capture) -> None:
    assert main(["report", *map(str, runs)]) == 0
    said, path = capsys.readouterr().out.splitlines()
    assert "McNemar's test: p = " in said
    assert Path(path) == runs[0].parent / "compare-one-two.html"


@pytest.mark.thorough
def test_in_python_one_run_or_a_list(runs: list[Path], tmp_path: Path) -> None:
    assert onestop.report(runs[0], out=tmp_path / "a.html").file == tmp_path / "a.html"
    found = onestop.report(list(runs), out=tmp_path / "b.html")
    assert found.file == tmp_path / "b.html"
    assert len(found.said) == 1


@pytest.mark.thorough
def test_a_page_of_ours_is_replaced_and_nothing_else(
    runs: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", str(runs[0]), "--out", str(page)]) == 0
    assert main(["report", str(runs[1]), "--out", str(page)]) == 0
    page.write_text("a novel")
    capsys.readouterr()
    assert main(["report", str(runs[0]), "--out", str(page)]) == 2
    assert capsys.readouterr().err == (
        f"onestop: --out {page}: exists and is not a report; name another file\n"
    )
    assert page.read_text() == "a novel"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["nowhere"],
            "nowhere: is not a run folder: it has no recipe.yaml; name a folder below runs/",
        ),
        (["RUN", "RUN"], "the same run is named twice; name another one to compare it with"),
        (
            ["RUN", "--out", "no/page.html"],
            "--out no/page.html: there is no folder no; name a file",
        ),
        (["RUN", "--out", "."], "--out .: is a folder; name a file, such as report.html"),
        ([], "RUN missing"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    runs: list[Path], capsys: Capture, words: list[str], said: str
) -> None:
    assert main(["report", *(str(runs[0]) if word == "RUN" else word for word in words)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.thorough
def test_training_can_do_without_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_REPORT", "1")
    small = ["--epochs", "1", "--quiet", "--threads", "1"]
    assert main(["train", "digits", "--name", "with", *small]) == 0
    assert main(["train", "digits", "--name", "without", "--no-report", *small]) == 0
    assert (tmp_path / "runs" / "with" / "report.html").is_file()
    assert not (tmp_path / "runs" / "without" / "report.html").exists()


@pytest.mark.thorough
def test_going_on_writes_the_page_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_REPORT", "1")
    assert main(["train", "digits", "--epochs", "1", "--quiet", "--threads", "1"]) == 0
    page = tmp_path / "runs" / "digits-lenet5" / "report.html"
    assert "1 epoch;" in page.read_text()
    assert main(["train", "runs/digits-lenet5", "--epochs", "2", "--quiet"]) == 0
    assert "2 epochs;" in page.read_text()
