"""Listing what was trained."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.results import RunRow
from onestop.storage.run_folder import lock_run
from tests.conftest import REPOSITORY

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Runs as they are found: two that are done, one of numbers, one stopped, one hardly begun."""
    rng = np.random.default_rng(0)
    images, targets = rng.integers(0, 255, (60, 8, 8), np.uint8), np.arange(60) % 2
    given: dict[str, Any] = {"out": tmp_path, "quiet": True, "threads": 1}
    for name, epochs in (("b", 2), ("stopped", 3)):
        onestop.train(
            (images, targets), name=name, model="cnn1", image_size=8, epochs=epochs, **given
        )
    onestop.train((rng.random((60, 4)), rng.random(60)), name="a", epochs=1, **given)
    (tmp_path / "stopped" / "metrics.json").unlink()
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "recipe.yaml").write_text("model: cnn1\nepochs: 4\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_a_row_a_run(folder: Path) -> None:
    rows = {row.name: row for row in onestop.runs(folder)}
    assert set(rows) == {"a", "b", "stopped", "young"}
    b, metrics = rows["b"], onestop.Run(folder / "b").metrics
    assert (b.network, b.figure, b.best, b.split) == (
        "cnn1",
        "accuracy",
        metrics["accuracy"],
        "val",
    )
    assert (b.epochs, b.of, b.state, b.seconds) == (2, 2, "done", metrics["seconds"])
    assert (folder / "b" / "log.txt").read_text()[:16] == b.when
    a = rows["a"]
    assert (a.figure, a.best) == ("rmse", onestop.Run(folder / "a").metrics["rmse"])
    stopped, epochs = rows["stopped"], onestop.Run(folder / "stopped").epochs
    assert (stopped.epochs, stopped.of, stopped.state) == (3, 3, "stopped")
    assert stopped.best == max(float(row["val_accuracy"]) for row in epochs)
    young = rows["young"]
    assert (young.best, young.epochs, young.of, young.state) == (None, 0, 4, "stopped")


def test_a_run_that_another_process_has_is_going_on(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from onestop.storage.run_folder import lock_run\n"
        "lock = lock_run(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    held = subprocess.Popen(
        [sys.executable, "-c", script, str(folder / "b")], text=True, cwd=REPOSITORY,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    assert {r.name: r.state for r in onestop.runs(folder)}["b"] == "going on"
    held.communicate("")
    assert {r.name: r.state for r in onestop.runs(folder)}["b"] == "done"
    lock_run(folder / "b").release()


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", ["a", "b", "stopped", "young"]),
        ("epochs", ["stopped", "b", "a", "young"]),
        ("network", ["b", "stopped", "young", "a"]),
    ],
)
def test_sorted(folder: Path, sort: str, names: list[str]) -> None:
    rows: Callable[..., list[RunRow]] = onestop.runs
    assert [row.name for row in rows(folder, sort=sort)] == names


def test_the_best_first_and_those_without_a_figure_last(folder: Path) -> None:
    rows = onestop.runs(folder, sort="best")
    assert rows[-1].name == "young"
    shares = [row.best for row in rows if row.figure == "accuracy" and row.best is not None]
    assert shares == sorted(shares, reverse=True)
    small, large = (dataclasses.replace(rows[0], figure="rmse", best=best) for best in (0.1, 0.2))
    assert small.rank > large.rank


def test_filtered_and_cut(folder: Path) -> None:
    assert {row.name for row in onestop.runs(folder, match="CNN1")} == {"b", "stopped", "young"}
    assert {row.name for row in onestop.runs(folder, match="python")} >= {"a", "b"}
    assert len(onestop.runs(folder, top=2)) == 2
    with pytest.raises(
        UsageError, match=r"--match stoped: none of the 4 runs is like that; did you"
    ):
        onestop.runs(folder, match="stoped")


def test_damaged_files_say_nothing(folder: Path) -> None:
    (folder / "b" / "metrics.json").write_text("{")
    (folder / "b" / "recipe.yaml").write_text(": :")
    (folder / "b" / "log.txt").unlink()
    row = {row.name: row for row in onestop.runs(folder)}["b"]
    assert (row.network, row.state, row.epochs) == ("", "stopped", 2)


def test_tables_and_json(folder: Path, capsys: Capture) -> None:
    assert main(["runs", str(folder), "--sort", "name"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [
        "name",
        "network",
        "data",
        "best",
        "epochs",
        "state",
        "when",
        "time",
    ]
    assert [line.split()[0] for line in lines[3:7]] == ["a", "b", "stopped", "young"]
    assert main(["runs", str(folder), "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} == {
        "a", "b", "stopped", "young",
    }  # fmt: skip


def test_folders_without_runs(tmp_path: Path, capsys: Capture) -> None:
    assert main(["runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"onestop: {tmp_path}: no runs in this folder; onestop train makes them\n"
    )
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_it_does_not_load_torch(folder: Path) -> None:
    code = (
        "import sys; from onestop.cli import main; main(['runs', sys.argv[1]]); "
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], check=False, capture_output=True, cwd=REPOSITORY
    )
    assert done.returncode == 0
