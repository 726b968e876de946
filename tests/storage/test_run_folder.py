"""The run folder: never overwritten, held by one process, and a file that grows by epochs."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from onestop.errors import OneStopError, UsageError
from onestop.metrics.spec import Metric
from onestop.runtime.csv_files import csv_text
from onestop.storage import run_folder
from onestop.storage.run_folder import (
    LOCK,
    RECIPE,
    EpochsFile,
    columns_of,
    create_run,
    has_recipe,
    is_run,
    lock_run,
    require_run,
)
from onestop.tasks import Classification, Regression

COLUMNS = columns_of(Classification.metrics)


def epochs_file(path: Path, keep_epochs: int = 0) -> EpochsFile:
    return EpochsFile(path, COLUMNS, keep_epochs)


class TestCreating:
    def test_the_first_run_has_the_plain_name_and_the_next_are_counted(self) -> None:
        folders = [create_run("runs", "digits") for _ in range(3)]
        assert [folder.name for folder in folders] == ["digits", "digits-2", "digits-3"]
        assert all(folder.is_dir() for folder in folders)

    def test_a_free_number_between_is_used_and_nothing_is_overwritten(self) -> None:
        for name in ("a", "a-3"):
            (Path("runs") / name).mkdir(parents=True)
            (Path("runs") / name / "kept").touch()
        assert [create_run("runs", "a").name for _ in range(2)] == ["a-2", "a-4"]
        assert Path("runs/a/kept").exists()
        assert Path("runs/a-3/kept").exists()

    def test_a_file_of_that_name_is_left_alone(self) -> None:
        Path("a").write_text("mine")
        assert create_run(".", "a").name == "a-2"
        assert Path("a").read_text() == "mine"

    def test_folders_above_are_made(self) -> None:
        assert create_run("deep/down", "a").is_dir()

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a", "a\\b", "a\0b"])
    def test_a_name_that_is_no_plain_name_is_refused(self, name: str) -> None:
        with pytest.raises(UsageError, match="must be a plain folder name; put the path in"):
            create_run("runs", name)
        assert not Path("runs").exists()

    @pytest.mark.parametrize("name", ["Käfer 1", "-x", "a.b", "🐝"])
    def test_an_odd_but_plain_name_is_taken(self, name: str) -> None:
        assert create_run("runs", name).name == name

    @pytest.mark.parametrize("out", ["file", "file/below"])
    def test_a_file_cannot_hold_runs(self, out: str) -> None:
        Path("file").write_text("mine")
        with pytest.raises(UsageError, match=f"--out {out}: .*name a folder"):
            create_run(out, "a")
        assert Path("file").read_text() == "mine"

    def test_a_run_cannot_hold_runs(self) -> None:
        run = create_run("runs", "a")
        (run / RECIPE).touch()
        assert is_run(run)
        with pytest.raises(UsageError, match=r"--out runs/a: is a run itself"):
            create_run(run, "b")

    @pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a place nobody can write to")
    def test_a_place_that_cannot_be_written_is_named(self) -> None:
        with pytest.raises(UsageError, match=r"--out /proc/runs: .*; name a folder you may write"):
            create_run("/proc/runs", "a")

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is open to root"
    )
    def test_a_read_only_folder_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(UsageError, match=r"--out .*locked: Permission denied; name a folder"):
            create_run(tmp_path / "locked", "a")


class TestFinding:
    def test_what_is_no_run_is_told_by_what_is_there(self, tmp_path: Path) -> None:
        with pytest.raises(
            UsageError, match=r"is not a run folder: it has no recipe\.yaml; name a"
        ):
            require_run(tmp_path)
        with pytest.raises(UsageError, match=r"nothing: is not a run folder"):
            require_run(tmp_path / "nothing")
        (tmp_path / RECIPE).mkdir()
        with pytest.raises(UsageError, match=r"its recipe\.yaml is a folder, not a file; name a"):
            require_run(tmp_path)
        (tmp_path / RECIPE).rmdir()
        (tmp_path / RECIPE).symlink_to(tmp_path / "nowhere")
        with pytest.raises(UsageError, match=r"its recipe\.yaml is a link, not a file; name a"):
            require_run(tmp_path)
        (tmp_path / "nowhere").touch()
        require_run(tmp_path)

    def test_a_folder_without_access_is_not_said_to_lack_its_recipe(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stat = os.stat

        def refuse(path: Any, *words: Any, **options: Any) -> os.stat_result:
            if os.fspath(path).endswith(RECIPE):  # as of a folder of mode 000; root may read it
                raise PermissionError(13, "Permission denied", path)
            return stat(path, *words, **options)

        monkeypatch.setattr("os.stat", refuse)
        assert not is_run(tmp_path)
        with pytest.raises(PermissionError):
            has_recipe(tmp_path)
        with pytest.raises(UsageError, match=r": Permission denied; allow access to it$"):
            require_run(tmp_path)


class TestLocking:
    def test_a_second_holder_is_refused_until_the_first_lets_go(self, tmp_path: Path) -> None:
        first = lock_run(tmp_path)
        with pytest.raises(UsageError, match="another process is training here"):
            lock_run(tmp_path)
        first.release()
        lock_run(tmp_path).release()

    def test_another_process_is_refused(self, tmp_path: Path) -> None:
        code = (
            "import sys, pathlib\n"
            "from onestop.storage.run_folder import lock_run\n"
            "try: lock_run(pathlib.Path(sys.argv[1]))\n"
            "except Exception as error: print(type(error).__name__, error)\n"
        )
        command = [sys.executable, "-c", code, str(tmp_path)]
        with lock_run(tmp_path):
            held = subprocess.run(command, capture_output=True, text=True, check=True)
        free = subprocess.run(command, capture_output=True, text=True, check=True)
        assert held.stdout.startswith(
            f"RunLockedError {tmp_path}: another process is training here"
        )
        assert (held.stderr, free.stdout) == ("", "")

    def test_a_lock_that_a_dead_process_left_holds_nobody_up(self, tmp_path: Path) -> None:
        (tmp_path / LOCK).touch()
        lock_run(tmp_path).release()

    def test_a_folder_that_is_gone_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"file: cannot be written"):
            lock_run(tmp_path / "file")


class TestEpochs:
    @staticmethod
    def row(epoch: int) -> dict[str, float]:
        return {"epoch": epoch, "step": 10 * epoch, "train_loss": 1 / epoch}

    def test_rows_are_written_together_and_whole(self, tmp_path: Path) -> None:
        file = epochs_file(tmp_path / "metrics.csv")
        file.write()
        assert file.path.read_text() == ",".join(COLUMNS) + "\n"
        for epoch in (1, 2):
            file.add(self.row(epoch))
            assert len(EpochsFile.read(file.path)) == epoch - 1
            file.write()
            assert len(EpochsFile.read(file.path)) == epoch

    def test_rows_that_could_not_be_written_come_with_the_next(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = epochs_file(tmp_path / "metrics.csv")
        file.add(self.row(1))
        with monkeypatch.context() as patch:
            patch.setattr(
                "onestop.runtime.files.os.fsync",
                lambda _: (_ for _ in ()).throw(OSError(28, "full")),
            )
            with pytest.raises(OneStopError, match="full"):
                file.write()
        file.add(self.row(2))
        file.write()
        assert [row["epoch"] for row in EpochsFile.read(file.path)] == ["1", "2"]

    def test_going_on_cuts_back_to_the_epochs_that_count(self, tmp_path: Path) -> None:
        path = tmp_path / "metrics.csv"
        file = epochs_file(path)
        for epoch in (1, 2, 3):
            file.add(self.row(epoch))
        file.write()
        whole = path.read_text().splitlines()
        again = epochs_file(path, keep_epochs=2)
        again.write()
        assert path.read_text().splitlines() == whole[:3]
        again.add(self.row(3))
        again.write()
        assert path.read_text().splitlines() == whole

    def test_columns_that_a_row_lacks_stay_empty(self, tmp_path: Path) -> None:
        file = epochs_file(tmp_path / "metrics.csv")
        file.add(self.row(1))
        file.write()
        assert file.read(file.path) == [
            dict.fromkeys(COLUMNS, "") | {"epoch": "1", "step": "10", "train_loss": "1.0"}
        ]

    def test_a_value_without_a_column_is_an_error(self, tmp_path: Path) -> None:
        file = epochs_file(tmp_path / "metrics.csv")
        with pytest.raises(
            ValueError, match=r"metrics.csv has no column val_zzz, odd: a task must"
        ):
            file.add({**self.row(1), "val_zzz": 3.0, "odd": 1})
        with pytest.raises(ValueError, match="odd"):
            csv_text(("label",), [{"label": "a", "odd": 1}])

    def test_the_examples_in_the_docstrings_hold(self) -> None:
        assert doctest.testmod(run_folder) == (0, 1)

    def test_columns_follow_from_the_metrics(self) -> None:
        assert COLUMNS == (
            "epoch", "step", "seconds", "lr", "train_loss", "train_accuracy", "val_loss",
            "val_accuracy", "val_top5", "val_macro_f1", "images_per_second", "waiting", "scoring",
        )  # fmt: skip
        assert columns_of(Regression.metrics)[4:9] == (
            "train_loss", "val_loss", "val_rmse", "val_mae", "val_r2",
        )  # fmt: skip
        assert columns_of([Metric("zzz", "zzz", training=True)])[4:8] == (
            "train_loss", "train_zzz", "val_loss", "val_zzz",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ({"val_accuracy": "0.5", "val_mae": ""}, {"val_accuracy": "0.5"}),
            ({"val_loss": "0.25", "val_mae": "0.4"}, {"val_loss": "0.25", "val_rmse": "0.5"}),
            ({"val_loss": "-1", "val_mae": "0.4"}, {"val_loss": "-1"}),
            ({"val_loss": "x", "val_mae": "0.4"}, {"val_loss": ""}),
            ({"val_mae": "0.4"}, {}),
        ],
    )
    def test_rows_of_an_earlier_version_go_on(
        self, tmp_path: Path, old: dict[str, str], new: dict[str, str]
    ) -> None:
        """Their columns had one for each metric there was, with the MAE and without the RMSE."""
        path = tmp_path / "metrics.csv"
        row = {"epoch": "1", "seconds": "1.5", **old}
        path.write_text(csv_text(tuple(row), [row], header=True))
        task = Regression if old["val_mae"] else Classification
        columns = columns_of(task.metrics)
        file = EpochsFile(path, columns, keep_epochs=1)
        file.add({"epoch": 2, "seconds": 2.5})
        file.write()
        first, second = EpochsFile.read(path)
        kept = {"val_mae": old["val_mae"]} if old["val_mae"] else {}
        assert first == dict.fromkeys(columns, "") | {"epoch": "1", "seconds": "1.5", **new, **kept}
        assert tuple(second) == columns

    def test_no_file_has_no_rows(self, tmp_path: Path) -> None:
        assert EpochsFile.read(tmp_path / "metrics.csv") == []

    @pytest.mark.parametrize("damage", [b"\x8e\xff", b"", b"3,"])
    def test_damaged_rows_are_left_out(self, tmp_path: Path, damage: bytes) -> None:
        path = tmp_path / "metrics.csv"
        file = epochs_file(path)
        file.add(self.row(1))
        file.write()
        path.write_bytes(path.read_bytes() + damage)
        assert len(EpochsFile.read(path)) == (0 if b"\xff" in damage else 1)
