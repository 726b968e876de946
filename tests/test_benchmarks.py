"""Benchmarks: every script starts, ways are run in turn and told as they are."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.thorough

FOLDER = REPOSITORY / "benchmarks"
SCRIPTS = sorted(
    path for path in FOLDER.glob("*.py") if "\nif __name__" in path.read_text(encoding="utf-8")
)

TOY = '''
"""A toy."""
import time
from compare import compare

def slow(words):
    """Sleeps long."""
    return {"seconds": words.scale * 2.0, "images_per_second": 5.0, "accuracy": words.seed / 10}

def fast(words):
    """Sleeps less."""
    return {"seconds": words.scale * 0.5, "images_per_second": 20.0, "accuracy": words.seed / 10}

def limit(words):
    """Does nothing else."""
    return {"seconds": words.scale * 0.4, "images_per_second": 25.0}

compare("a toy", [slow, fast, limit], lambda p: p.add_argument("--scale", type=float, default=1))
'''


def run(script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    space = {**os.environ, "PYTHONPATH": f"{FOLDER}{os.pathsep}{REPOSITORY}"}
    return subprocess.run(
        [sys.executable, str(script), *words],
        capture_output=True,
        text=True,
        check=False,
        env=space,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_all_that_a_script_imports_from_the_package_is_there(script: Path) -> None:
    """Imports stand in the functions that are measured, where neither `--help` nor mypy sees them."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onestop"):
            for name in node.names:
                exec(f"from {node.module} import {name.name}", {})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_says_what_it_measures(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])  # as Python itself does
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert any(words in said for words in ("--rounds", "--seeds", "nothing in it is random"))
    module = ast.parse(script.read_text(encoding="utf-8"))
    assert ast.get_docstring(module)


def test_ways_run_in_turn_with_a_seed_a_round(tmp_path: Path) -> None:
    script = tmp_path / "toy.py"
    script.write_text(TOY, encoding="utf-8")
    said = run(script, "--scale", "2", "--no-write")
    assert said.returncode == 0, said.stderr
    order = re.findall(r"^round (\d): (\w+): seconds", said.stdout, re.MULTILINE)
    assert order == [(str(r), way) for r in (1, 2, 3) for way in ("slow", "fast", "limit")]
    row = next(line for line in said.stdout.splitlines() if line.startswith("| fast"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "fast: Sleeps less"
    assert cells[1].startswith("1.00 (")  # seconds
    assert cells[2].startswith("4.00 (")  # times as fast
    assert cells[3].startswith("80% (")  # of the limit
    assert cells[5] == "0.1 (0 to 0.2)"  # a seed a round


def test_a_single_way_prints_json_and_a_failure_is_told(tmp_path: Path) -> None:
    script = tmp_path / "toy.py"
    script.write_text(TOY, encoding="utf-8")
    said = run(script, "--only", "fast", "--seed", "7")
    assert json.loads(said.stdout)["accuracy"] == pytest.approx(0.7)
    script.write_text(TOY.replace("words.scale * 2.0", "1 / 0"), encoding="utf-8")
    failed = run(script, "--no-write")
    assert failed.returncode == 1
    assert "slow failed" in failed.stderr
    assert "ZeroDivisionError" in failed.stderr


def test_results_name_no_folder_of_the_machine() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (FOLDER / "results").glob("*.md")]
    assert texts
    assert not [text for text in texts if re.search(r"(/home/|/tmp/|/work/|/root/)", text)]
