"""The texts of options are there in every mode of Python."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from onestop.recipe.docstrings import docstring
from tests.conftest import REPOSITORY


def documented(a: int) -> int:
    """One line.

    Args:
        a: what it is
    """
    return a


@dataclasses.dataclass
class Documented:
    """A class: with fields."""

    a: int = 0


@dataclasses.dataclass
class Bare:
    a: int = 0


def test_docstrings_come_from_memory_or_from_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for thing in (documented, Documented):
        before = docstring(thing)
        assert before.splitlines()[0] in ("One line.", "A class: with fields.")
        monkeypatch.setattr(thing, "__doc__", None)
        assert docstring(thing) == before
    assert docstring(Bare) == ""
    assert docstring(len) != ""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "mode",
    [pytest.param("-O", marks=pytest.mark.slow), "-OO"],  # which leaves out all that -O does
)
def test_the_command_line_works_without_docstrings_and_assertions(
    mode: str, tmp_path: Path, photos: Callable[..., Path]
) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, mode, "-m", "onestop", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            env={"COLUMNS": "80", "PATH": "", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1",
                 "PYTHONPATH": str(REPOSITORY), "ONESTOP_REPORT": "0"},
        )  # fmt: skip

    for verb in ("train", "lint"):  # with all fields of the recipe, and with some of them
        result = run(verb, "--help")
        assert (result.returncode, result.stderr) == (0, "")
        snapshot = REPOSITORY / f"tests/snapshots/help_{verb}.txt"
        assert result.stdout == snapshot.read_text(encoding="utf-8")
    assert run("train", "--epoch").stderr.startswith("onestop: --epoch: no such option")
    words = (str(photos({"a": 4, "b": 4}).resolve()), "--model", "lenet5_color")
    result = run("train", *words, "--image-size", "32", "--epochs", "1", "--name", "run")
    assert (result.returncode, "Traceback" in result.stderr) == (0, False)
    assert (tmp_path / "runs/run/metrics.json").is_file()
