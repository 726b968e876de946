"""Saves that fail: tried again, the last good state kept, one line and exit code 1 at the end."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import onestop
from onestop.errors import OneStopError, UsageError
from onestop.storage.container import unpacked
from onestop.storage.run_folder import MODEL, STATE
from onestop.training.checkpoint import States
from tests.reliability.card import sampled, tried
from tests.reliability.killing import fingerprint

pytestmark = pytest.mark.thorough

OPTIONS: dict[str, Any] = {
    "model": "cnn1",
    "image_size": 8,
    "epochs": 3,
    "batch_size": 256,
    "threads": 1,
    "quiet": True,
}
CALLS = ("os.fsync", "pathlib.Path.replace", "pathlib.Path.open")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries of a failed save follow each other at once."""
    monkeypatch.setattr("onestop.training.checkpointer.PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What an undisturbed run leaves."""
    run = onestop.train("digits", out=tmp_path_factory.mktemp("whole"), **OPTIONS)
    return fingerprint(run.folder)


class Failing:
    """Stands for a function and fails at some of its calls for files of the run."""

    def __init__(self, function: Callable[..., Any], first: int, times: int, number: int) -> None:
        self.function, self.first, self.times, self.number = function, first, times, number
        self.calls = 0

    def __call__(self, *words: Any, **options: Any) -> Any:
        if "log.txt" not in str(words[0]):
            self.calls += 1
            if self.first <= self.calls < self.first + self.times:
                raise OSError(self.number, os.strerror(self.number), "somewhere")
        return self.function(*words, **options)

    def __get__(self, owner: Any, _: Any = None) -> Any:
        return self if owner is None else lambda *words, **options: self(owner, *words, **options)


def during_training(monkeypatch: pytest.MonkeyPatch, call: str, failing: Failing) -> None:
    """Have the call fail while the loop runs; before and after, nothing is wrong with the disk."""
    import onestop.jobs.run

    learn = onestop.jobs.run._train

    def learn_on_a_bad_disk(*words: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(call, failing)
            learn(*words)

    monkeypatch.setattr(onestop.jobs.run, "_train", learn_on_a_bad_disk)


def function_of(call: str) -> Callable[..., Any]:
    return {
        "os.fsync": os.fsync,
        "pathlib.Path.replace": Path.replace,
        "pathlib.Path.open": Path.open,
    }[call]  # type: ignore[return-value]


def test_a_save_that_fails_once_changes_nothing(
    whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write of a run, with each error: the run ends as if nothing had been."""
    trials = 0
    for call in CALLS:
        counting = Failing(function_of(call), 10**9, 0, 0)
        with monkeypatch.context() as patch:
            during_training(patch, call, counting)
            onestop.train("digits", out=tmp_path / f"count-{call}", **OPTIONS)
        assert counting.calls >= 6, "a row, a model and a state an epoch"
        for first in sampled(range(1, counting.calls + 1), 2):
            number = ERRORS[first // 2 % len(ERRORS)]
            with monkeypatch.context() as patch:
                during_training(patch, call, Failing(function_of(call), first, 1, number))
                run = onestop.train("digits", out=tmp_path / f"{call}-{first}", **OPTIONS)
            trials += 1
            assert fingerprint(run.folder) == whole, (call, first)
            assert (run.folder / "log.txt").read_text().count("could not save") == 1
            assert [n for n in run.info.notes or () if "warning: could not save" in n], (
                call,
                first,
            )
            assert not list(run.folder.rglob("*.tmp"))
    tried("each write of a run made to fail, with four errors in turn", f"{trials} runs")


def test_a_disk_that_stays_full_ends_the_run_with_its_last_state(
    whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        during_training(patch, "os.fsync", Failing(os.fsync, 8, 10**9, errno.ENOSPC))
        with pytest.raises(OneStopError) as caught:
            onestop.train("digits", out=tmp_path, name="full", **OPTIONS)
    message, folder = str(caught.value), tmp_path / "full"
    assert caught.value.exit_code == 1
    assert "No space left on device" in message
    assert "tried 4 times" in message
    assert message.endswith(f"resume with: onestop train {folder}")
    assert States(folder / STATE).newest() is not None
    assert unpacked(folder / MODEL).sealed
    assert fingerprint(onestop.train(resume=folder, quiet=True).folder) == whole


def test_too_little_room_is_said_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(
        "onestop.training.checkpointer.shutil.disk_usage", lambda _: usage(10**6, 10**6, 1000)
    )
    with pytest.raises(
        UsageError, match=r"writes up to \d+ MB, and 0 MB are free there; make room"
    ):
        onestop.train("digits", out=tmp_path, **OPTIONS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip(f"may not mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_disk_that_fills_up(small_disk: Path) -> None:
    """Filled by somebody else once the run has begun; emptied, the run goes on."""
    script = (
        "import sys, onestop, onestop.training.checkpointer, onestop.jobs.run\n"
        "from pathlib import Path\n"
        "onestop.training.checkpointer.PAUSES = (0.0, 0.0)\n"
        "learn = onestop.jobs.run._train\n"
        "def fill(*words):\n"
        "    disk = Path(sys.argv[1])\n"
        "    try:\n"
        "        (disk / 'other').write_bytes(b'x' * 2**21)\n"
        "    except OSError:\n"
        "        pass\n"
        "    learn(*words)\n"
        "onestop.jobs.run._train = fill\n"
        "from onestop.cli import main\n"
        "sys.exit(main(['train', 'digits', '--model', 'cnn1', '--image-size', '8',\n"
        "               '--epochs', '2', '--threads', '1',\n"
        "               '--out', sys.argv[1], '--name', 'run']))\n"
    )
    command = [sys.executable, "-c", script, str(small_disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("onestop: ")
    assert "No space left on device" in last
    (small_disk / "other").unlink()
    run = onestop.train(resume=small_disk / "run", quiet=True)
    assert run.metrics["epochs"] == 2
