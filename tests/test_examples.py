"""Every example runs."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))
SHORT = 60  # lines


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= SHORT


def test_each_example_is_run_below() -> None:
    assert {path.stem for path in EXAMPLES} == {"linear_regression"}


def test_linear_regression_ends_near_the_tutorials_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = REPOSITORY / "examples" / "linear_regression.py"
    monkeypatch.setattr(sys, "argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    printed = dict(
        line.split(": ") for line in capsys.readouterr().out.splitlines() if ": " in line
    )
    assert float(printed["weight"]) == pytest.approx(2.0071, abs=0.05)
    assert float(printed["bias"]) == pytest.approx(3.1690, abs=0.5)
    assert Path("runs/linear/line.png").stat().st_size > 5000


def test_the_judge_of_recipes_prints_a_line_a_seed_and_the_median(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "digits --images 100 --seeds 2 epochs=1 threads=1 device=cpu"
    monkeypatch.setattr(sys, "argv", ["judge.py", *words.split()])
    runpy.run_path(str(REPOSITORY / "benchmarks" / "judge.py"), run_name="__main__")
    first, *seeds, last = capsys.readouterr().out.splitlines()
    assert first.startswith("digits, 100 images, {'epochs': '1'")
    assert [line.partition(":")[0] for line in seeds] == ["  seed 0", "  seed 1"]
    assert last.startswith("median ")
    assert last.endswith("2 seeds)")
