"""Results on standard output: tables for people, JSON and CSV for machines."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import onestop
from onestop.cli import main
from onestop.display.printing import show, show_settings
from onestop.metrics.spec import LOSS, Metric
from onestop.recipe.settings import settings
from onestop.results.run import RunRow
from onestop.storage.run_info import InfoFile
from onestop.tasks import Label, Prediction

Capture = pytest.CaptureFixture[str]


def make_run(folder: Path, metrics: dict[str, Any], **example: Any) -> onestop.Run:
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    values = {"image": "a.jpg", "truth": "cat", "predicted": "cat", "correct": True, **example}
    prediction = Prediction(
        values["image"],
        (Label(values["predicted"], 0.5),),
        (values["truth"],),
        correct=values["correct"],
    )
    return onestop.Run(folder, [prediction] if example else [])


def classes(count: int) -> dict[str, Any]:
    row = {"images": 1_234, "precision": 0.5, "recall": 2 / 3, "f1": 0.0}
    figures = {"accuracy": 0.98765, "top5": 0.999, "macro_f1": 0.5, "loss": 0.123456}
    per_class = {f"class {k}": row for k in range(count)}
    return {"split": "test", **figures, "images": 12_345, "per_class": per_class}


class TestRuns:
    def test_the_path_is_the_last_line(self, tmp_path: Path, capsys: Capture) -> None:
        assert show(make_run(tmp_path, classes(2))) == 0
        assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path.resolve())

    def test_the_metrics_are_one_line(self, tmp_path: Path, capsys: Capture) -> None:
        show(make_run(tmp_path, classes(6)))
        assert capsys.readouterr().out.splitlines()[-2] == (
            "test: accuracy 98.77%, top-5 99.90%, macro F1 50.00%, loss 0.1235 on 12,345 images"
        )

    def test_the_best_five_of_five_say_nothing_and_are_left_out(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        show(make_run(tmp_path, classes(5)))
        assert "top-5" not in capsys.readouterr().out

    def test_metrics_per_label_are_a_table(self, tmp_path: Path, capsys: Capture) -> None:
        rows = {
            "a": {"images": 0, "ap": None, "f1": 0.0},
            "b": {"images": 9, "ap": 0.25, "f1": 1.0},
        }
        metrics = {"split": "val", "map": 0.25, "images": 12, "per_label": rows}
        InfoFile(tmp_path, "toy", (Metric("map", "mAP", percent=True),))
        show(make_run(tmp_path, metrics))
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines[1] == ["label", "images", "ap", "f1"]
        assert lines[3:5] == [["a", "0", "0.0%"], ["b", "9", "25.0%", "100.0%"]]
        assert lines[-2] == ["val:", "mAP", "25.00%", "on", "12", "images"]

    def test_numbers_are_scored_by_their_errors(self, tmp_path: Path, capsys: Capture) -> None:
        figures = {"split": "val", "loss": 0.25, "rmse": 0.5, "mae": 0.4, "r2": 0.9, "images": 3}
        show(make_run(tmp_path, figures))
        assert capsys.readouterr().out.splitlines()[0] == (
            "val: rmse 0.5, mae 0.4, r2 0.9, loss 0.25 on 3 samples"
        )

    def test_another_task_has_metrics_of_its_own(self, tmp_path: Path, capsys: Capture) -> None:
        metrics = (Metric("map", "mAP", percent=True), Metric("top5", "best of five"), LOSS)
        InfoFile(tmp_path, "toy", metrics)
        show(make_run(tmp_path, {"split": "val", "loss": 3.0, "map": 0.5, "top5": 1, "images": 3}))
        assert capsys.readouterr().out.splitlines()[0] == (
            "val: mAP 50.00%, best of five 1, loss 3 on 3 samples"
        )

    @pytest.mark.parametrize(
        ("example", "line"),
        [
            ({"correct": True}, "  a.jpg: is cat, predicted cat right"),
            ({"predicted": "dog", "correct": False}, "  a.jpg: is cat, predicted dog WRONG"),
            (
                {"truth": "1.5", "predicted": "1.4", "correct": None},
                "  a.jpg: is 1.5, predicted 1.4",
            ),
            ({"image": "a\nb.jpg", "correct": 1}, "  a\\nb.jpg: is cat, predicted cat right"),
        ],
    )
    def test_some_predictions_are_shown(
        self, example: dict[str, Any], line: str, tmp_path: Path, capsys: Capture
    ) -> None:
        show(make_run(tmp_path, classes(2), **example))
        assert capsys.readouterr().out.splitlines()[:2] == ["some held-out test images:", line]

    def test_json_is_what_the_file_says(self, tmp_path: Path, capsys: Capture) -> None:
        show(make_run(tmp_path, classes(40), correct=1), json=True)
        assert json.loads(capsys.readouterr().out) == classes(40)

    def test_training_prints_results_and_nothing_else_on_standard_output(
        self, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        source = photos({"red": 8, "blue": 8})
        assert main(["train", str(source), "-e", "1", "--model", "lenet5_color", "--json"]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["images"] == 2
        assert said.err.startswith("run folder: ")
        assert main(["train", str(source), "-e", "1", "--model", "lenet5_color"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "some held-out validation images:"
        assert lines[-1] == str(Path("runs/photos-lenet5_color-2").resolve())


class TestLists:
    def test_of_runs_the_best_is_their_own_metric(self, capsys: Capture) -> None:
        metric = Metric("zzz", "a title", higher=False)
        row = RunRow("a\nb", "net", "data", 12.34567, metric, "val", 1, 2, "stopped", "today", 95)
        assert show([row, dataclasses.replace(row, best=None, seconds=8000)]) == 0
        first, second = capsys.readouterr().out.splitlines()[3:5]
        assert re.split(r"  +", first.strip()) == [
            "a\\nb", "net", "data", "zzz 12.35 (val)", "1/2", "stopped", "today", "1:35",
        ]  # fmt: skip
        assert re.split(r"  +", second.strip())[3:] == ["1/2", "stopped", "today", "2:13:20"]
        show([row], json=True)
        (found,) = json.loads(capsys.readouterr().out)
        assert list(found.items()) == [
            ("name", "a\nb"), ("network", "net"), ("data", "data"), ("best", 12.34567),
            ("figure", "zzz"), ("split", "val"), ("epochs", 1), ("of", 2), ("state", "stopped"),
            ("when", "today"), ("seconds", 95),
        ]  # fmt: skip

    def test_no_entries_are_an_empty_table(self, capsys: Capture) -> None:
        assert show([]) == 0
        assert "name" in capsys.readouterr().out


class TestTables:
    def test_a_long_one_is_cut_and_says_so(self, tmp_path: Path, capsys: Capture) -> None:
        show(make_run(tmp_path, classes(33)))
        lines = capsys.readouterr().out.splitlines()
        assert len([line for line in lines if line.startswith(" class ")]) == 31
        assert "... and 3 more rows (--json has all)" in lines

    def test_shares_are_percents_and_counts_have_commas(
        self, tmp_path: Path, capsys: Capture
    ) -> None:
        show(make_run(tmp_path, classes(1)))
        lines = capsys.readouterr().out.splitlines()
        assert lines[3].split() == ["class", "0", "1,234", "50.0%", "66.7%", "0.0%"]

    def test_a_pipe_gets_neither_colours_nor_trailing_blanks(self, capsys: Capture) -> None:
        show_settings(settings(("flag", {"epochs": 3})))
        page = capsys.readouterr().out
        assert "\x1b" not in page
        assert [line for line in page.splitlines() if line != line.rstrip()] == []

    def test_a_pipe_gets_each_row_on_one_line(self, capsys: Capture) -> None:
        why = "a reason of many words " * 4
        show_settings(settings().derive("epochs", 3, why.strip()))
        assert why.strip() in capsys.readouterr().out

    def test_a_closed_output_is_no_trouble(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdout", None)
        show_settings(settings())

    def test_a_narrow_terminal_folds_rows(
        self, monkeypatch: pytest.MonkeyPatch, on_terminal: Callable[[Callable[[], object]], str]
    ) -> None:
        monkeypatch.setenv("COLUMNS", "50")
        monkeypatch.setenv("TERM", "xterm")
        told = settings().derive("epochs", 3, "a reason of many words " * 4)
        page = on_terminal(lambda: show_settings(told))
        lines = [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in page.splitlines()]
        assert max(map(len, lines)) <= 50
