"""run.json: what a run says of its task, metrics and notes, also where the file is damaged."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import onestop
from onestop.errors import OneStopError
from onestop.metrics.spec import LOSS, Metric
from onestop.storage.run_info import InfoFile, RunInfo, read_info
from onestop.tasks import Classification, Regression
from tests.conftest import REPOSITORY

ZZZ = Metric("zzz", "the last", higher=False, percent=True, training=True)
ROW = {"name": "zzz", "title": "the last", "higher": False, "percent": True, "training": True,
       "evaluated": True}  # fmt: skip
SMALL: dict[str, Any] = {"model": "cnn1", "image_size": 8, "threads": 1, "quiet": True}


def write(folder: Path, **values: Any) -> None:
    (folder / "run.json").write_text(json.dumps(values))


class TestReading:
    def test_what_was_written(self, tmp_path: Path) -> None:
        file = InfoFile(tmp_path, "toy", (ZZZ, LOSS))
        assert read_info(tmp_path) == RunInfo("toy", (ZZZ, LOSS), ())
        file.note("note: Käfer \udcff")
        info = read_info(tmp_path)
        assert info == RunInfo("toy", (ZZZ, LOSS), ("note: Käfer \udcff",))
        assert info.main == ZZZ
        values = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
        assert values == {
            "version": 1,
            "task": "toy",
            "metrics": [ROW, dataclasses.asdict(LOSS)],
            "notes": ["note: Käfer \udcff"],
        }

    def test_the_reasons_of_settings_that_nobody_set(self, tmp_path: Path) -> None:
        file = InfoFile(tmp_path, "toy", (LOSS,), {"lr": "usual"})
        assert read_info(tmp_path).whys == {"lr": "usual"}
        file.explain("lr", "lowered")
        assert read_info(tmp_path).whys == {"lr": "lowered"}

    @pytest.mark.parametrize(
        ("derived", "whys"),
        [(None, {}), ([1], {}), ("lr", {}), ({"lr": 3, "ema": "why", "x": None}, {"ema": "why"})],
    )
    def test_damaged_reasons_say_nothing(
        self, derived: Any, whys: dict[str, str], tmp_path: Path
    ) -> None:
        write(tmp_path, task="toy", metrics=[ROW], derived=derived)
        assert read_info(tmp_path).whys == whys

    @pytest.mark.parametrize(
        ("metrics", "read"),
        [
            ([ROW, {**ROW, "title": "again"}], (ZZZ,)),
            ([3, None, [], {"name": "zzz"}, {**ROW, "name": 3}, ROW], (ZZZ,)),
            (
                [{**ROW, "higher": "yes"}, {**ROW, "percent": 1, "name": "b"}],
                Classification.metrics,
            ),
            ([{**ROW, "more": 3}], (ZZZ,)),
            ({"zzz": ROW}, Classification.metrics),
            (None, Classification.metrics),
        ],
    )
    def test_damaged_metrics_are_left_out(
        self, tmp_path: Path, metrics: object, read: tuple[Metric, ...]
    ) -> None:
        write(tmp_path, version=1, task="classification", metrics=metrics, notes=["note: a"])
        assert read_info(tmp_path) == RunInfo("classification", read, ("note: a",))

    @pytest.mark.parametrize(
        ("notes", "read"),
        [(["a", 3, "b", "a", None], ("a", "b")), ("abc", None), ({}, None), ([], ())],
    )
    def test_damaged_notes_are_left_out(
        self, tmp_path: Path, notes: object, read: tuple[str, ...] | None
    ) -> None:
        write(tmp_path, version=1, task="toy", metrics=[ROW], notes=notes)
        assert read_info(tmp_path) == RunInfo("toy", (ZZZ,), read)

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"\x8e\xff", b"[]", b"3", b"null", b"[" * 100_000, b'{"task": []}']
    )
    def test_a_damaged_file_says_nothing(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "run.json").write_bytes(content)
        assert read_info(tmp_path) == RunInfo("classification", Classification.metrics, None)

    @pytest.mark.parametrize(
        ("final", "epochs", "task"),
        [
            ('{"accuracy": 0.5}', "", Classification),
            ('{"rmse": 0.5}', "", Regression),
            ("", "epoch,seconds,val_accuracy\n1,1,0.5\n", Classification),
            ("", "epoch,seconds,train_accuracy\n1,1,0.5\n", Classification),
            ("", "epoch,seconds,val_accuracy,val_mae\n1,1,,0.5\n", Regression),
            ("", "", Classification),
        ],
    )
    def test_of_an_earlier_run_the_task_is_concluded(
        self, tmp_path: Path, final: str, epochs: str, task: type[Classification | Regression]
    ) -> None:
        (tmp_path / "metrics.json").write_text(final)
        (tmp_path / "metrics.csv").write_text(epochs)
        assert read_info(tmp_path) == RunInfo(task.name, task.metrics, None)

    def test_it_loads_neither_torch_nor_numpy(self, tmp_path: Path) -> None:
        code = (
            "import sys, pathlib; from onestop.storage.run_info import read_info\n"
            "read_info(pathlib.Path(sys.argv[1]))\n"
            "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
        )
        command = [sys.executable, "-c", code, str(tmp_path)]
        assert subprocess.run(command, check=False, cwd=REPOSITORY).returncode == 0


class TestWriting:
    def test_notes_of_earlier_processes_stay_and_each_is_there_once(self, tmp_path: Path) -> None:
        first = InfoFile(tmp_path, "toy", (ZZZ,))
        for line in ("note: a", "warning: b", "note: a"):
            first.note(line)
        second = InfoFile(tmp_path, "toy", (LOSS,))
        for line in ("note: c", "warning: b"):
            second.note(line)
        assert read_info(tmp_path) == RunInfo("toy", (LOSS,), ("note: a", "warning: b", "note: c"))

    def test_a_note_that_could_not_be_written_comes_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "full")

        file = InfoFile(tmp_path, "toy", (ZZZ,))
        before = (tmp_path / "run.json").read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            file.note("warning: could not save")
            with pytest.raises(OneStopError, match=r"run.json: cannot be written \(full\)"):
                InfoFile(tmp_path, "toy", (ZZZ,))
        assert (tmp_path / "run.json").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
        file.flush()
        assert read_info(tmp_path).notes == ("warning: could not save",)
        file.note("note: b")
        assert read_info(tmp_path).notes == ("warning: could not save", "note: b")
        written = (tmp_path / "run.json").stat().st_ino
        file.flush()
        assert (tmp_path / "run.json").stat().st_ino == written, "nothing was new"


class TestRuns:
    def test_a_run_says_what_it_is_and_what_was_noted(self, photos: Any) -> None:
        source = photos({"red": 8, "blue": 8})
        (source / "empty").mkdir()
        run = onestop.train(
            source, epochs=1, val_fraction=0, **{**SMALL, "model": "lenet5_color", "image_size": 32}
        )
        assert (run.info.task, run.info.metrics) == ("classification", Classification.metrics)
        notes = run.info.notes
        assert notes is not None
        assert "empty contains no images" in notes[0]
        assert notes[-1] == "note: no images were held out; the metrics are of the training images"
        log = [line[20:] for line in (run.folder / "log.txt").read_text().splitlines()]
        said = [line for line in log if line.startswith(("note: ", "warning: "))]
        # What is true of the network as it is now, and not of the run, is only logged.
        assert [line for line in said if "is predicted for all" not in line] == list(notes)

    def test_going_on_keeps_notes_and_repeats_none(self, photos: Any) -> None:
        run = onestop.train("digits", epochs=1, val_fraction=0, **SMALL)
        file = run.folder / "run.json"
        values = json.loads(file.read_text())
        values["notes"].insert(0, "note: of an earlier process")
        file.write_text(json.dumps(values))
        again = onestop.train(resume=run.folder, epochs=2, quiet=True)
        assert again.info.notes == tuple(values["notes"])
        file.unlink()
        assert onestop.Run(run.folder).info.notes is None
        again = onestop.train(resume=run.folder, epochs=3, quiet=True)
        assert again.info.notes == tuple(values["notes"][1:])
