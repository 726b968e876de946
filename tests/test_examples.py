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


def printed_by(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, str]:
    """What an example prints, by what stands before the colon of each line."""
    path = REPOSITORY / "examples" / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def test_each_example_is_run_below() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert f'printed_by("{path.stem}"' in tests, f"no test runs {path.name}"


def test_nested_modules(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("nested_modules", monkeypatch, capsys)
    assert printed["entry.second.weight"] == "[4, 3, 2, 2]"
    assert printed["blocks"] == "2", "the one that is used twice counts once"
    assert printed["parameters"] == "255"
    assert printed["outputs"] == "[8, 2]"


def test_lenet_by_hand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = printed_by("lenet_by_hand", monkeypatch, capsys)
    assert printed["fc1.weight"] == "[120, 576]"
    assert printed["before"] == "None"
    assert any(float(value) for value in printed["after"].strip("[]").split(", "))
    assert printed["backward"].startswith("MseLossBackward0 -> AddmmBackward0")
    assert float(printed["loss after one step"]) < float(printed["loss"])


def test_convolution_and_pooling(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("convolution_and_pooling", monkeypatch, capsys)
    assert printed["stride 1, padding 0"] == "[[10, 12, 12], [18, 16, 16], [13, 9, 3]]"
    assert printed["largest of 3 x 3, ceil_mode True"] == "[[2, 3], [5, 1]]"


def test_a_loop_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("own_loop", monkeypatch, capsys)
    assert float(printed["test accuracy"].rstrip("%")) > 90


def test_linear_regression_ends_near_the_tutorials_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("linear_regression", monkeypatch, capsys)
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
