"""Progress: a bar on a terminal, else a line an epoch; always on standard error and in the log."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from onestop.cli import main
from onestop.display.progress import Watcher, _shows_bars
from onestop.metrics.spec import LOSS, Metric
from onestop.tasks import Classification, Regression
from onestop.training.records import EpochRecord, StepRecord

Capture = pytest.CaptureFixture[str]
METRICS = Classification.metrics
ROW = {"train_loss": 0.51234, "train_accuracy": 0.875, "images_per_second": 1234.5, "waiting": 0.01}
HELD_OUT = {"val_loss": 0.6, "val_accuracy": 0.75}


def step(number: int, epoch: int = 1) -> StepRecord:
    return StepRecord(
        epoch=epoch, step=number, steps=10, loss=1.0, train_loss=0.7, train_metrics={"accuracy": 0.5},
        images=32 * number, lr=0.1,
    )  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass only where a test says so."""
    now = [100.0]
    monkeypatch.setattr("onestop.display.progress.time.monotonic", lambda: now[0])
    return now


class TestPiped:
    def test_an_epoch_is_a_line_on_standard_error(self, capsys: Capture) -> None:
        with Watcher(METRICS) as watcher:
            watcher.show(step(1), 2)
            watcher.show(EpochRecord(1, ROW | HELD_OUT, best=True), 2)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == (
            "epoch 1/2 loss 0.5123 accuracy 87.50% | val loss 0.6000 accuracy 75.00% "
            "| 1,234 images/s *\n"
        )

    def test_only_a_better_epoch_has_a_star(self, capsys: Capture) -> None:
        with Watcher(METRICS) as watcher:
            watcher.show(EpochRecord(2, ROW | HELD_OUT, best=False), 12)
        said = capsys.readouterr().err
        assert said.startswith("epoch  2/12 ")
        assert said.endswith("images/s\n")

    def test_waiting_for_images_is_told_where_it_matters(self, capsys: Capture) -> None:
        with Watcher(METRICS) as watcher:
            watcher.show(EpochRecord(1, ROW | {"waiting": 0.02}, best=True), 1)
            watcher.show(EpochRecord(1, ROW | {"waiting": 0.25}, best=True), 1)
        first, second = capsys.readouterr().err.splitlines()
        assert "input-bound" not in first
        assert second.endswith("images/s input-bound 25%")

    def test_metrics_that_are_not_there_are_left_out(self, capsys: Capture) -> None:
        with Watcher(METRICS) as watcher:
            watcher.show(
                EpochRecord(
                    1, {"train_loss": 1.0, "images_per_second": 9.0, "waiting": 0.0}, best=True
                ),
                1,
            )
        assert capsys.readouterr().err == "epoch 1/1 loss 1.0000 | 9 images/s\n"

    def test_beside_the_loss_stand_the_first_metric_and_those_summed_in_training(
        self, capsys: Capture
    ) -> None:
        several = (Metric("map", "mAP"), Metric("hit", "hits", percent=True, training=True), LOSS)
        row = {"train_loss": 1.0, "images_per_second": 9.0, "waiting": 0.0, "val_loss": 2.0}
        values = {"train_hit": 0.5, "val_hit": 0.25, "val_map": 0.123456, "val_rmse": 1.41421356}
        for metrics in (several, Regression.metrics, (LOSS,)):
            with Watcher(metrics) as watcher:
                watcher.show(EpochRecord(1, row | values, best=False), 1)
        assert capsys.readouterr().err.splitlines() == [
            "epoch 1/1 loss 1.0000 hits 50.00% | val loss 2.0000 mAP 0.1235 hits 25.00% | 9 images/s",
            "epoch 1/1 loss 1.0000 | val loss 2.0000 rmse 1.414 | 9 images/s",
            "epoch 1/1 loss 1.0000 | val loss 2.0000 | 9 images/s",
        ]

    def test_a_long_epoch_says_now_and_then_that_it_is_alive(
        self, clock: list[float], capsys: Capture
    ) -> None:
        with Watcher(METRICS) as watcher:
            for number in range(1, 8):
                watcher.show(step(number), 3)
                clock[0] += 20
        assert capsys.readouterr().err.splitlines() == [
            "epoch 1/3 step 4/10 loss 0.7000 accuracy 50.0% | 2 images/s",
            "epoch 1/3 step 7/10 loss 0.7000 accuracy 50.0% | 2 images/s",
        ]

    def test_there_are_no_escape_codes(
        self, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")
        with Watcher(METRICS) as watcher:
            watcher.say("note: [bold]brackets[/bold] stay, 'quotes' and 42 too")
            watcher.show(EpochRecord(1, ROW, best=True), 1)
        said = capsys.readouterr().err
        assert "\x1b" not in said
        assert "\r" not in said
        assert "[bold]brackets[/bold]" in said

    def test_a_long_line_is_not_broken(self, capsys: Capture) -> None:
        Watcher().say("x" * 500)
        assert capsys.readouterr().err == "x" * 500 + "\n"


class TestTerminal:
    @pytest.fixture(autouse=True)
    def _terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rich.console.Console.is_terminal", True)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")

    def test_a_bar_shows_loss_accuracy_speed_and_the_time_left(
        self, clock: list[float], capsys: Capture
    ) -> None:
        with Watcher(METRICS) as watcher:
            for number in range(1, 6):
                watcher.show(step(number), 3)
                clock[0] += 0.5
        said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
        assert "epoch 1/3" in said
        assert "loss 0.7000 accuracy 50.0% | 64 images/s" in said
        assert re.search(r"\d\d:\d\d left", said)

    def test_the_speed_is_counted_anew_in_each_epoch(self, clock: list[float]) -> None:
        watcher = Watcher(METRICS, quiet=True)
        watcher.show(step(5, epoch=1), 2)
        clock[0] += 100  # scoring
        watcher.show(step(6, epoch=2), 2)
        clock[0] += 1
        assert watcher._running(step(8, epoch=2)).endswith("| 64 images/s")

    def test_epochs_stay_as_lines_above_the_bar(self, capsys: Capture) -> None:
        with Watcher(METRICS) as watcher:
            watcher.show(EpochRecord(1, ROW, best=True), 2)
        assert "epoch 1/2 loss 0.5123 accuracy 87.50% | 1,234 images/s\n" in capsys.readouterr().err

    def test_quiet_draws_no_bar(self, capsys: Capture) -> None:
        with Watcher(METRICS, quiet=True) as watcher:
            watcher.show(step(1), 2)
        assert capsys.readouterr().err == ""

    def test_the_bar_is_taken_down_when_training_fails(self, capsys: Capture) -> None:
        with pytest.raises(ZeroDivisionError), Watcher(METRICS) as watcher:
            watcher.show(StepRecord(1, 1, 1, 1.0, 1.0, {}, 1, 1 // 0), 1)
        hidden, shown = "\x1b[?25l", "\x1b[?25h"  # the cursor
        said = capsys.readouterr().err
        assert said.count(hidden) == said.count(shown) == 1
        assert said.index(hidden) < said.index(shown)


class TestLog:
    def test_every_line_is_logged_with_its_time(self, tmp_path: Path) -> None:
        watcher = Watcher(METRICS, quiet=True)
        watcher.log = tmp_path / "log.txt"
        watcher.say("first: Käfer \udcff")
        watcher.show(EpochRecord(1, ROW, best=True), 1)
        lines = watcher.log.read_text(encoding="utf-8").splitlines()
        stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
        assert re.fullmatch(stamp + re.escape("first: Käfer \\udcff"), lines[0])
        assert re.match(stamp + "epoch 1/1 loss 0.5123", lines[1])

    @pytest.mark.thorough
    def test_quiet_training_says_nothing_but_logs_all(
        self, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        words = ["train", str(photos({"red": 8, "blue": 8})), "-e", "2", "--out", "out"]
        assert main([*words, "--quiet", "--name", "a"]) == 0
        quiet = capsys.readouterr()
        assert quiet.err == ""
        assert main([*words, "--name", "b"]) == 0
        loud = capsys.readouterr()
        epochs = [line for line in loud.err.splitlines() if line.startswith("epoch ")]
        assert [line.split()[1] for line in epochs] == ["1/2", "2/2"]
        assert "\x1b" not in loud.err
        assert quiet.out == loud.out.replace("/out/b", "/out/a")
        for name in ("a", "b"):
            log = Path("out", name, "log.txt").read_text().splitlines()
            assert len(log) == len(loud.err.splitlines())
            assert f"run folder: {Path('out', name).resolve()}" in log[0]


@pytest.mark.parametrize(("widgets", "bars"), [(None, False), (object(), True)])
def test_a_notebook_without_widgets_gets_lines(
    widgets: object, bars: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich would put a box there that asks to install ipywidgets, with each bar."""
    monkeypatch.setattr("onestop.display.progress.importlib.util.find_spec", lambda _: widgets)
    console = Console(force_jupyter=True)
    assert _shows_bars(console) is bars
