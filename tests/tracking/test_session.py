"""What goes into a tracker, when, and what happens where one fails."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

import onestop
from onestop.cli import main
from onestop.display.progress import Watcher
from onestop.errors import InterruptedRun, UsageError
from onestop.storage.run_folder import TRACKING
from onestop.tracking.session import Tracking
from onestop.tracking.tracker import Opening, Status
from onestop.training.records import EpochRecord, StepRecord, Value
from onestop.training.state import Progress
from tests.recipes import recipe
from tests.tracking.conftest import EPOCHS, STEPS, column, same, train

Capture = pytest.CaptureFixture[str]


class Notebook:
    """A tracker that writes everything down, and fails where it is told to."""

    def __init__(self) -> None:
        self.where, self.keep, self.epoch, self.step = "a notebook", {"page": "7"}, 0, 0
        self.written: list[tuple[int, dict[str, float]]] = []
        self.ended: list[tuple[Status, int, dict[str, float | str]]] = []
        self.closed = 0
        self.openings: list[Opening] = []
        self.fails = ""

    def open(self, opening: Opening) -> Notebook:
        self._fail("open")
        self.openings.append(opening)
        return self

    def write(self, figures: Mapping[str, float], step: int) -> None:
        self._fail("epoch" if "epoch" in figures else "step")
        self.written.append((step, dict(figures)))

    def finish(self, figures: Mapping[str, float | str], step: int, status: Status) -> None:
        self._fail("finish")
        self.ended.append((status, step, dict(figures)))

    def close(self) -> None:
        self.closed += 1
        self._fail("close")

    def series(self, name: str) -> list[tuple[int, float]]:
        return [(step, figures[name]) for step, figures in self.written if name in figures]

    def _fail(self, place: str) -> None:
        if place in self.fails.split():
            raise OSError(f"{place}: http://me:secret@server is away,\nand more")


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """Stands in for TensorBoard."""
    found = Notebook()
    monkeypatch.setattr("onestop.tracking.tensorboard.open_tracker", found.open)
    return found


def log(folder: Path) -> str:
    return (folder / "log.txt").read_text()


def step(number: int, loss: Value = 0.5) -> StepRecord:
    return StepRecord(
        epoch=1,
        step=number,
        steps=9,
        loss=loss,
        train_loss=0.7,
        train_metrics={"accuracy": 0.5},
        images=4,
        lr=0.1,
    )


def tracking(folder: Path, said: list[str]) -> Tracking:
    return Tracking(folder, recipe(track="tensorboard"), said.append)


def test_it_gets_the_settings_every_epoch_and_the_end(
    plain: onestop.Run, notebook: Notebook, every_step: None
) -> None:
    run = train(track="tensorboard")
    (opening,) = notebook.openings
    assert opening.folder == run.folder
    assert opening.settings == {k: v for k, v in run.recipe.values().items() if v is not None}
    assert opening.known == {}
    for name in ("train_loss", "val_loss", "val_accuracy"):
        assert notebook.series(name.replace("_", "/", 1)) == column(run, name)
    for name in ("lr", "epoch", "seconds", "images_per_second", "waiting"):
        assert notebook.series(name) == column(run, name)
    steps = EPOCHS * STEPS
    assert [number for number, _ in notebook.series("batch/loss")] == list(range(1, steps + 1))
    ((status, last, final),) = notebook.ended
    assert (status, last) == ("finished", steps)
    assert final["final/accuracy"] == run.metrics["accuracy"]
    assert final["final/split"] == "test"
    assert "final/per_class" not in final
    assert notebook.closed == 1
    assert "tracking: a notebook" in log(run.folder)
    assert same(run, plain)


def test_of_the_steps_only_as_many_as_cost_nothing_and_only_those_are_read(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class OnGPU:
        """A loss that is waited for where it is read."""

        reads = 0

        def __float__(self) -> float:
            OnGPU.reads += 1
            return 0.25

    now = [100.0]
    monkeypatch.setattr("onestop.tracking.session.time.monotonic", lambda: now[0])
    write = notebook.write

    def slow(figures: Mapping[str, float], step: int) -> None:
        now[0] += 0.25
        write(figures, step)

    monkeypatch.setattr(notebook, "write", slow)
    with tracking(tmp_path, []) as fed:
        fed.begin(Progress())
        for number in range(1, 101):
            fed.show(step(number, cast(Value, OnGPU())))
            now[0] += 0.5
    # 0.25 s are a fiftieth of 12.5 s, which is 25 steps.
    assert [number for number, _ in notebook.written] == [1, 26, 51, 76]
    assert OnGPU.reads == 4


def test_a_run_that_begins_anew_is_another_one_there(notebook: Notebook, tmp_path: Path) -> None:
    with tracking(tmp_path, []) as fed:
        fed.begin(Progress())
        fed.show(step(1))
        fed.anew(recipe(track="tensorboard", lr=0.01))
        assert notebook.ended == [("failed", 1, {})]
        assert notebook.closed == 1
        fed.begin(Progress())
    first, second = notebook.openings
    assert (first.settings["lr"], second.settings["lr"]) == (0.05, 0.01)
    assert second.known == {}, "what the tracker kept of the first is forgotten"
    assert [status for status, *_ in notebook.ended] == ["failed", "finished"]


def test_a_tracker_that_fails_then_stops_nothing(notebook: Notebook, tmp_path: Path) -> None:
    notebook.fails = "finish close"
    with tracking(tmp_path, []) as fed:
        fed.anew(recipe(track="tensorboard"))  # before it was opened
        fed.begin(Progress())
        fed.anew(recipe(track="tensorboard"))
    assert len(notebook.openings) == 1


def test_what_is_no_finite_number_is_left_out(notebook: Notebook, tmp_path: Path) -> None:
    row = {"epoch": 1, "step": 4, "train_loss": float("nan"), "val_loss": 0.5, "val_top5": ""}
    with tracking(tmp_path, []) as fed:
        fed.begin(Progress())
        fed.show(step(1, float("nan")))
        fed.show(EpochRecord(1, cast(Any, row), best=True))
    assert notebook.written == [(1, {"batch/lr": 0.1}), (4, {"epoch": 1.0, "val/loss": 0.5})]


def test_going_on_repeats_nothing_and_fills_in_what_is_missing(
    plain: onestop.Run, notebook: Notebook, killed: Callable[..., Path], every_step: None
) -> None:
    folder = killed(track="tensorboard")
    assert [number for number, _ in notebook.series("epoch")] == [4, 8]
    assert notebook.ended == []
    notebook.epoch, notebook.step = 2, 8  # more than the state has
    run = train(resume=folder)
    assert notebook.openings[1].known == {"page": "7"}
    assert (notebook.openings[1].epoch, notebook.openings[1].step) == (1, STEPS)
    assert notebook.series("val/loss") == column(run, "val_loss")
    assert [number for number, _ in notebook.series("batch/loss")] == list(range(1, 13))
    notebook.written.clear()
    notebook.epoch, notebook.step = 1, 12  # less than that: a row was lost
    train(resume=folder)
    assert notebook.series("val/loss") == column(run, "val_loss")[1:]
    assert same(run, plain)


def test_how_a_run_ended_is_told(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown = Watcher.show

    def show(watcher: Watcher, record: Any, epochs: int) -> None:
        if isinstance(record, StepRecord) and record.step == 6:
            os.kill(os.getpid(), signal.SIGINT)
        shown(watcher, record, epochs)

    monkeypatch.setattr(Watcher, "show", show)
    with pytest.raises(InterruptedRun):
        train(track="tensorboard")
    fed = tracking(tmp_path, [])
    fed.begin(Progress())
    fed.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert notebook.ended == [("stopped", 6, {}), ("failed", 0, {})]
    assert notebook.closed == 2


@pytest.mark.parametrize("fails", ["step", "epoch", "finish"])
def test_a_tracker_that_fails_costs_a_line_and_not_the_run(
    plain: onestop.Run, notebook: Notebook, every_step: None, fails: str
) -> None:
    notebook.fails = f"{fails} close"
    run = train(track="tensorboard")
    assert same(run, plain)
    assert run.metrics["accuracy"] == plain.metrics["accuracy"]
    (warning,) = [line for line in log(run.folder).splitlines() if "warning" in line]
    assert warning.endswith(
        f"warning: tensorboard no longer accepts metrics ({fails}: http://server is away, "
        "and more); the run continues without it"
    )
    assert notebook.closed == 1
    assert notebook.ended == []


def test_a_tracker_that_cannot_be_opened_stops_a_new_run_alone(notebook: Notebook) -> None:
    notebook.fails = "open"
    with pytest.raises(UsageError, match=r"^--track tensorboard: open: .*; fix it, or train with"):
        train(track="tensorboard")
    run = train(resume="runs/digits-cnn1", track="none", epochs=1)
    run = train(resume=run.folder, track="tensorboard", epochs=2)
    assert "no longer accepts metrics (open: " in log(run.folder)
    assert run.metrics["epochs"] == 2


@pytest.mark.parametrize("kept", ["", "{", "[]"])
def test_a_damaged_note_of_the_trackers_is_forgotten(notebook: Notebook, kept: str) -> None:
    run = train(epochs=1)
    (run.folder / TRACKING).write_text(kept)
    train(resume=run.folder, track="tensorboard", epochs=2)
    assert notebook.openings[0].known == {}
    assert '"page": "7"' in (run.folder / TRACKING).read_text()


@pytest.mark.parametrize("track", ["tensorboard", "mlflow", "wandb"])
@pytest.mark.parametrize("folder_of_that_name", [False, True])
def test_a_package_that_is_not_there_is_said_before_any_work(
    track: str, folder_of_that_name: bool, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    found = importlib.machinery.ModuleSpec(track, None) if folder_of_that_name else None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    assert main(["train", "nowhere", "--track", track]) == 2
    assert capsys.readouterr().err == (
        f"onestop: --track {track}: {track} is not installed: "
        f"pip install 'onestop-vision[{track}]'\n"
    )
    assert not Path("runs").exists()


def test_a_run_begun_before_there_were_trackers_goes_on(notebook: Notebook) -> None:
    run = train(epochs=1)
    file = run.folder / "recipe.yaml"
    lines = file.read_text().splitlines()
    assert "track: none" in lines
    file.write_text("\n".join(line for line in lines if not line.startswith("track")))
    assert train(resume=run.folder, epochs=2).recipe.machine.track == "none"
    assert (
        train(resume=run.folder, epochs=3, track="tensorboard").recipe.machine.track
        == "tensorboard"
    )
    assert notebook.series("val/loss") == column(run, "val_loss")
