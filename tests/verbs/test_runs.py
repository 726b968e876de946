"""Listing what was trained."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
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
from onestop.metrics.spec import Metric
from onestop.results.run import RunRow
from onestop.storage.run_folder import lock_run
from onestop.storage.run_info import InfoFile
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


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one")
    options: dict[str, Any] = {"model": "cnn1", "image_size": 8, "epochs": 1, "threads": 1}
    return onestop.train("digits", out=out, name="one", quiet=True, **options).folder


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
    error = Metric("rmse", "rmse", higher=False)
    small, large = (dataclasses.replace(rows[0], metric=error, best=best) for best in (0.1, 0.2))
    assert small.rank > large.rank


def test_sorted_by_a_metric(tmp_path: Path) -> None:
    """Of done runs the final value counts, of others the best epoch; runs without it are the last."""
    zzz, loss = Metric("zzz", "zzz", higher=False), Metric("loss", "loss", higher=False)
    values: dict[str, dict[str, Any]] = {
        "a": {"zzz": 0.5}, "b": {"zzz": 0.1}, "c": {"zzz": "odd"}, "d": {"zzz": 0.2}, "e": {},
    }  # fmt: skip
    for name, final in values.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").write_text("model: cnn1\nepochs: 4\n")
        InfoFile(tmp_path / name, "toy", (loss, zzz) if name == "a" else (zzz, loss))
        if final:
            (tmp_path / name / "metrics.json").write_text(json.dumps({"split": "val", **final}))
    (tmp_path / "e" / "metrics.csv").write_text(
        "epoch,seconds,val_zzz\n1,1.0,0.9\n2,2.0,0.15\n3,3.0,odd\n4,4.0,0.3\n"
    )
    onestop.train(
        "digits", model="cnn1", image_size=8, epochs=1, out=tmp_path, name="f", quiet=True
    )
    rows = onestop.runs(tmp_path, sort="zzz")
    assert [row.name for row in rows] == ["b", "e", "d", "a", "c", "f"]
    shown = {row.name: (row.figure, row.best, row.split) for row in rows}
    assert shown["a"] == ("loss", None, "val")
    assert shown["e"] == ("zzz", 0.15, "val")
    assert shown["c"] == ("zzz", None, "val")
    assert onestop.runs(tmp_path, sort="macro_f1", top=1)[0].name == "f"


def test_sorted_by_what_is_not_there(folder: Path, capsys: Capture) -> None:
    assert main(["runs", str(folder), "--sort", "macro_fi"]) == 2
    assert capsys.readouterr().err == (
        "onestop: --sort macro_fi: not one of when, name, network, data, best, epochs, seconds, "
        "accuracy, loss, macro_f1, mae, r2, rmse, top5; did you mean 'macro_f1'?\n"
    )


def test_filtered_and_cut(folder: Path) -> None:
    assert {row.name for row in onestop.runs(folder, match="CNN1")} == {"b", "stopped", "young"}
    assert {row.name for row in onestop.runs(folder, match="python")} >= {"a", "b"}
    assert len(onestop.runs(folder, top=2)) == 2
    with pytest.raises(UsageError, match=r"--match stoped: matches none of the 4 runs; did you"):
        onestop.runs(folder, match="stoped")


def test_a_folder_that_cannot_be_read_hides_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (folder / "locked").mkdir()
    stat = os.stat

    def refuse(path: Any, *words: Any, **options: Any) -> os.stat_result:
        if "locked/" in os.fspath(path):  # as where the folder has mode 000; root may read it
            raise PermissionError(13, "Permission denied", path)
        return stat(path, *words, **options)

    monkeypatch.setattr("os.stat", refuse)
    rows = {row.name: row for row in onestop.runs(folder)}
    assert set(rows) == {"a", "b", "stopped", "young", "locked"}
    assert (rows["locked"].state, rows["locked"].best) == ("unreadable", None)
    for sort in ("best", "accuracy", "when", "network"):
        assert len(onestop.runs(folder, sort=sort)) == 5
    assert main(["runs", str(folder)]) == 0
    assert "unreadable" in capsys.readouterr().out


def test_damaged_files_say_nothing(folder: Path, capsys: Capture) -> None:
    (folder / "b" / "metrics.json").write_text("{")
    (folder / "b" / "recipe.yaml").write_text(": :")
    (folder / "b" / "log.txt").unlink()
    row = {row.name: row for row in onestop.runs(folder)}["b"]
    assert (row.network, row.state, row.epochs) == ("", "stopped", 2)
    main(["runs", str(folder)])
    assert "2/?" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["run.json", "metrics.json", "metrics.csv", "log.txt", "recipe.yaml"]
)
@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x8e\xff\x00", b"[]", b"[" * 100_000, b"epoch,seconds\n1,x\n", b"null",
        b'{"task": 3, "metrics": 3, "notes": 3, "epochs": 1e999, "seconds": 1' + b"0" * 400 + b"}",
        b'{"metrics": [3, {"name": "a"}, {}], "accuracy": [], "seconds": NaN, "epochs": null}',
    ],
)  # fmt: skip
@pytest.mark.thorough
def test_no_file_of_a_run_stops_the_list(
    one_run: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    shutil.copytree(one_run, tmp_path / "runs" / "b")
    (tmp_path / "runs" / "b" / name).write_bytes(content)
    (row,) = onestop.runs(tmp_path / "runs")
    assert row.name == "b"
    if name not in ("metrics.json", "metrics.csv"):
        assert (row.figure, row.epochs) == ("accuracy", 1)


def test_runs_of_an_earlier_version(folder: Path) -> None:
    """They have no run.json; of numbers their epochs have the mean of squares, but not its root."""
    before = {row.name: row for row in onestop.runs(folder)}
    for run in folder.glob("*/run.json"):
        run.unlink()
    assert {row.name: row for row in onestop.runs(folder)} == before
    (folder / "a" / "metrics.json").unlink()
    epochs = onestop.Run(folder / "a").epochs
    (folder / "a" / "metrics.csv").write_text(
        "epoch,seconds,val_loss,val_mae\n"
        + "".join(f"{r['epoch']},{r['seconds']},{r['val_loss']},{r['val_mae']}\n" for r in epochs)
    )
    row = {row.name: row for row in onestop.runs(folder)}["a"]
    assert (row.figure, row.state) == ("rmse", "stopped")
    assert row.best == min(float(epoch["val_loss"]) ** 0.5 for epoch in epochs)


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
