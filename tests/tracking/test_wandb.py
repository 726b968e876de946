"""Runs of Weights & Biases without its server, read back from its own files."""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]
from wandb.sdk import wandb_setup

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.storage.run_folder import TRACKING
from onestop.tracking.tracker import Opening
from onestop.tracking.wandb import open_tracker
from tests.tracking.conftest import EPOCHS, STEPS, column, same, train

pytestmark = pytest.mark.thorough

_BLOCK = 32768  # bytes; a W&B file is a log of LevelDB behind seven bytes of its own


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")


def records(file: Path) -> Iterator[Record]:
    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if _BLOCK - place % _BLOCK < 7:
            place += _BLOCK - place % _BLOCK
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last piece of one
            yield Record.FromString(whole)
            whole = b""


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/*.wandb"))


def rows(file: Path) -> list[dict[str, Any]]:
    """The history: what was logged, by name."""
    return [named(r.history.item) for r in records(file) if r.HasField("history")]


def named(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def series(file: Path, name: str) -> list[tuple[int, float]]:
    return [(row["step"], row[name]) for row in rows(file) if name in row]


def children() -> list[str]:
    """Processes that this one started and that are still there, as far as the system says it."""
    lists = Path("/proc/self/task").glob("*/children")
    return [pid for task in lists for pid in task.read_text().split()]


@pytest.mark.usefixtures("_offline")
def test_a_run_of_wandb_has_settings_and_figures(
    plain: onestop.Run, every_step: None, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (dict(os.environ), sys.exit, sys.excepthook, children())
    run = train(track="wandb", name="mine")
    assert capfd.readouterr() == ("", "")
    now = {k: v for k, v in os.environ.items() if k != "WANDB_ERROR_REPORTING"}
    assert (now, sys.exit, sys.excepthook, children()) == before
    assert not [thread.name for thread in threading.enumerate() if "wandb" in thread.name]
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    assert same(run, plain)
    (file,) = files(run.folder)
    for name in ("train/loss", "train/accuracy", "val/loss", "val/macro_f1", "lr", "seconds"):
        assert series(file, name) == column(run, name.replace("/", "_"))
    steps = EPOCHS * STEPS
    assert [step for step, _ in series(file, "batch/loss")] == list(range(1, steps + 1))
    found = list(records(file))
    (about,) = [r.run for r in found if r.HasField("run")]
    assert (about.display_name, about.project) == ("mine", "onestop")
    config = {
        k: v for r in found if r.HasField("config") for k, v in named(r.config.update).items()
    }
    wanted = {k: v for k, v in run.recipe.values().items() if v is not None}
    assert {k: config[k] for k in wanted} == wanted
    end = {k: v for r in found if r.HasField("summary") for k, v in named(r.summary.update).items()}
    assert end["final/accuracy"] == run.metrics["accuracy"]
    assert end["final/split"] == "test"
    assert [r.exit.exit_code for r in found if r.HasField("exit")] == [0]


def test_a_run_folder_does_not_send_to_wandb_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(epochs=1)
    recipe = run.folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("track: none", "track: wandb"))
    for attempt in (lambda: train(resume=run.folder), lambda: onestop.dry_run(resume=run.folder)):
        with pytest.raises(UsageError, match=r"Weights & Biases; name it again: --track wandb, or"):
            attempt()
    monkeypatch.setenv("WANDB_MODE", "offline")  # the user's own word
    train(resume=run.folder, epochs=2)
    assert len(files(run.folder)) == 1


@pytest.mark.usefixtures("_offline")
def test_settings_of_wandb_in_a_run_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nbase_url = http://192.0.2.1\n")
    with pytest.raises(UsageError, match="wandb/settings: would say where W&B sends metrics"):
        open_tracker(Opening(tmp_path, {}))


@pytest.mark.usefixtures("_offline")
def test_a_run_that_goes_on_is_the_same_run_with_all_epochs(
    plain: onestop.Run, killed: Callable[..., Path], every_step: None
) -> None:
    """Of files of one run, W&B's server keeps what was sent last."""
    folder = killed(track="wandb")
    run = train(resume=folder)
    assert same(run, plain)
    first, last = files(folder)
    assert first.name == last.name  # its name is the id
    assert [step for step, _ in series(first, "epoch")] == [STEPS, 2 * STEPS]
    assert series(last, "val/loss") == column(run, "val_loss")
    steps = [step for step, _ in series(last, "batch/loss")]
    assert steps == list(range(STEPS + 1, EPOCHS * STEPS + 1))


@pytest.mark.usefixtures("_offline")
def test_a_stopped_run_can_go_on_and_a_failed_one_failed(tmp_path: Path) -> None:
    for status in ("stopped", "failed"):
        tracker = open_tracker(Opening(tmp_path / status, {"epochs": 3}))
        tracker.finish({}, 7, status)
        tracker.close()
    stopped, failed = (list(records(*files(tmp_path / name))) for name in ("stopped", "failed"))
    assert [r.exit.exit_code for r in stopped if r.HasField("exit")] == [130]
    assert [r.exit.exit_code for r in failed if r.HasField("exit")] == [1]
    assert [any(r.HasField("preempting") for r in found) for found in (stopped, failed)] == [
        True, False,
    ]  # fmt: skip


@pytest.mark.usefixtures("_offline")
def test_a_session_of_the_users_own_stays_as_it_is(tmp_path: Path) -> None:
    settings = wandb.Settings(silent=True, console="off")
    with wandb.init(project="theirs", dir=tmp_path, settings=settings) as theirs:
        run = train(track="wandb", epochs=1)
        assert wandb.run is theirs
        theirs.log({"mine": 1.0})
        (file,) = Path(theirs.dir).parent.glob("*.wandb")
    wandb.teardown()
    assert [row["mine"] for row in rows(file)] == [1.0]
    assert json.loads((run.folder / TRACKING).read_text())["wandb"]["project"] == "onestop"
    (file,) = files(run.folder)
    assert series(file, "epoch") == [(STEPS, 1)]


def test_the_environment_says_where_and_whether(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "WANDB_MODE": "offline", "WANDB_PROJECT": "beans", "WANDB_DIR": str(tmp_path / "there"),
        "WANDB_NAME": "first", "WANDB_ERROR_REPORTING": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    run = train(track="wandb", epochs=1)
    assert not (run.folder / "wandb").exists()
    (file,) = files(tmp_path / "there")
    (about,) = [r.run for r in records(file) if r.HasField("run")]
    assert (about.display_name, about.project) == ("first", "beans")
    assert os.environ["WANDB_ERROR_REPORTING"] == "true"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    train(resume=run.folder, epochs=2)
    assert len(files(tmp_path / "there")) == 1


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("WANDB_API_KEY", "", "not logged in"),
        ("WANDB_API_KEY", "short", "WANDB_API_KEY invalid: API key"),
        ("WANDB_MODE", "of", "1 validation error for Settings mode Input should be 'online'"),
    ],
)
def test_without_login_it_says_what_to_do_and_asks_nothing(
    name: str,
    value: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("wandb.errors.term.can_use_terminput", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *words, **options: pytest.fail("it asks"))
    assert main(["train", "nowhere", "--track", "wandb"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"onestop: --track wandb: {problem}")
    assert err.endswith("; run `wandb login`, or set WANDB_MODE=offline\n")
    assert not Path("runs").exists()
    assert wandb_setup._singleton is None
