"""The texts of options are there in every mode of Python."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
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


@pytest.mark.parametrize("mode", ["-O", "-OO"])
def test_the_command_line_works_without_docstrings_and_assertions(
    mode: str, tmp_path: Path
) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, mode, "-m", "onestop", *words],
            cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120,
            env={"COLUMNS": "80", "PATH": "", "HOME": str(tmp_path)},
        )  # fmt: skip

    result = run("train", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (REPOSITORY / "tests/snapshots/help_train.txt").read_text(
        encoding="utf-8"
    )
    assert run("train", "--epoch").stderr.startswith("onestop: --epoch: no such option")
