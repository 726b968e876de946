"""Signals that come while no step is being computed, and going on elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import onestop
from onestop.errors import DataError, InterruptedRun, UsageError
from onestop.inference.score import score
from onestop.runtime.fingerprint import fingerprint as fingerprint_of
from onestop.storage.container import packed, unpacked
from onestop.storage.run_folder import METRICS, STATE
from onestop.training.checkpoint import States
from tests.conftest import REPOSITORY
from tests.reliability.killing import fingerprint

pytestmark = pytest.mark.thorough

OPTIONS: dict[str, Any] = {
    "model": "cnn1",
    "image_size": 8,
    "epochs": 2,
    "batch_size": 256,
    "threads": 1,
    "quiet": True,
}


def kill_when_called(number: int, at: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which before its call `at` sends its own process a signal."""
    calls = iter(range(10**9))

    def called(*words: Any, **options: Any) -> Any:
        if next(calls) == at:
            os.kill(os.getpid(), number)
        return function(*words, **options)

    return called


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
@pytest.mark.parametrize("at", [0, 1, 2], ids=["first epoch", "last epoch", "final score"])
def test_a_signal_while_scoring(
    number: int, code: int, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fingerprint(onestop.train("digits", out=tmp_path, name="whole", **OPTIONS).folder)
    with monkeypatch.context() as patch:
        patch.setattr("onestop.training.setup.score", kill_when_called(number, at, score))
        with pytest.raises(InterruptedRun, match="resume with: onestop train") as caught:
            onestop.train("digits", out=tmp_path, name="cut", **OPTIONS)
    assert caught.value.exit_code == code
    assert not (tmp_path / "cut" / METRICS).exists(), "it stopped before the end"
    assert States(tmp_path / "cut" / STATE).newest() is not None
    assert fingerprint(onestop.train(resume=tmp_path / "cut", quiet=True).folder) == whole


@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_while_reading_images(
    workers: int, photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = photos({"red": 200, "blue": 200})
    options = {**OPTIONS, "image_size": 16, "batch_size": 32, "workers": workers}
    whole = fingerprint(onestop.train(source, out=tmp_path, name="whole", **options).folder)
    from onestop.data.samples import FileSamples

    read, reads = FileSamples.read, list[int]()

    def noted(samples: FileSamples, index: int, *how: Any) -> Any:
        reads.append(index)
        time.sleep(0.001)  # so that what is read ahead does not outrun the signal
        return read(samples, index, *how)

    with monkeypatch.context() as patch:
        patch.setattr(FileSamples, "read", kill_when_called(signal.SIGTERM, 5, noted))
        with pytest.raises(InterruptedRun, match="stopped; resume with: onestop train"):
            onestop.train(source, out=tmp_path, name="cut", **options)
    assert len(reads) < 200, "it read on to the end"
    assert States(tmp_path / "cut" / STATE).newest() is None
    assert fingerprint(onestop.train(resume=tmp_path / "cut", quiet=True).folder) == whole


def test_going_on_with_other_arithmetic_is_refused_unless_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = onestop.train("digits", out=tmp_path, name="run", **OPTIONS)
    assert "inexact_resume" not in run.metrics
    monkeypatch.setattr(
        "onestop.training.setup.fingerprint",
        lambda engine: {**fingerprint_of(engine), "instructions": "ABACUS"},
    )
    with pytest.raises(UsageError) as caught:
        onestop.train(resume=run.folder, epochs=3, quiet=True)
    message = str(caught.value)
    assert message.startswith(f"{run.folder}: was computed with instructions ")
    assert "(here ABACUS)" in message
    assert message.endswith("--allow-inexact-resume")
    again = onestop.train(resume=run.folder, epochs=3, quiet=True, allow_inexact_resume=True)
    [told] = again.metrics["inexact_resume"]
    assert told.startswith("after step ")
    assert "ABACUS" in told
    monkeypatch.undo()
    with pytest.raises(UsageError, match="instructions ABACUS"):  # back home it is strange as well
        onestop.train(resume=run.folder, epochs=4, quiet=True)


def test_changed_images_of_equal_size_are_refused(
    photos: Callable[..., Path], tmp_path: Path
) -> None:
    source = photos({"red": 10, "blue": 10}, suffix=".bmp")
    for path in source.rglob("*.bmp"):
        Image.open(path).resize((20, 20)).save(path)
    options = {**OPTIONS, "image_size": 16, "epochs": 1}
    run = onestop.train(source, out=tmp_path, **options)
    first, second = source / "red" / "000.bmp", source / "blue" / "000.bmp"
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    with pytest.raises(DataError, match=f"{source}: has changed since {run.folder} was begun"):
        onestop.train(resume=run.folder, epochs=2, quiet=True)
    assert run.metrics["epochs"] == 1, "what was refused changed nothing"
    assert run.recipe.optim.epochs == 1
    first.write_bytes(one)
    second.write_bytes(other)
    shutil.move(source, tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", source)
    assert onestop.train(resume=run.folder, epochs=2, quiet=True).metrics["epochs"] == 2


def test_a_run_of_an_earlier_version_is_resumed_by_names_and_sizes(tmp_path: Path) -> None:
    run = onestop.train("digits", out=tmp_path, **{**OPTIONS, "epochs": 1})
    for path in (run.folder / STATE).iterdir():
        content = unpacked(path)
        header = json.loads(content.metadata["onestop_state"])
        del header["about"]["content"]
        path.write_bytes(packed(content.tensors, "onestop_state", header))
    assert onestop.train(resume=run.folder, epochs=2, quiet=True).metrics["epochs"] == 2
    state = States(run.folder / STATE).newest()
    assert state is not None
    assert state.about["content"], "from now on it counts"


NETWORK = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, classes, channels):
        super().__init__(nn.Flatten(), nn.Linear(64 * channels, classes))
"""


def test_a_run_with_a_network_whose_code_has_changed_is_refused(tmp_path: Path) -> None:
    code = tmp_path / "net.py"
    code.write_text(NETWORK)
    options = {**OPTIONS, "model": f"{code}:Net", "epochs": 1, "channels": 1}
    run = onestop.train("digits", out=tmp_path, **options)
    model = {"model": options["model"]}
    code.write_text(NETWORK + "    def forward(self, x): return 2 * super().forward(x)\n")
    with pytest.raises(UsageError, match=r"was computed with code [0-9a-f]{16} \(here "):
        onestop.train(resume=run.folder, epochs=2, quiet=True, **model)
    code.write_text(NETWORK)
    assert onestop.train(resume=run.folder, epochs=2, quiet=True, **model).metrics["epochs"] == 2


@pytest.mark.thorough
def test_arithmetic_that_the_environment_sets_is_noticed(tmp_path: Path) -> None:
    run = onestop.train("digits", out=tmp_path, **{**OPTIONS, "epochs": 1})
    command = [sys.executable, "-m", "onestop", "train", str(run.folder), "--epochs", "2"]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "SSE41", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "(here ONEDNN_MAX_CPU_ISA=SSE41" in done.stderr
    assert "--allow-inexact-resume" in done.stderr
    assert run.metrics["epochs"] == 1


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    run = onestop.train("digits", out=tmp_path, **OPTIONS)
    for folder in (run.folder, run.folder / STATE):
        (folder / ".step-000000099.safetensors.4242.tmp").write_bytes(b"half")
    onestop.train(resume=run.folder, epochs=3, quiet=True)
    assert not list(run.folder.rglob("*.tmp"))


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_run_whose_reader_goes_away_goes_on(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "onestop", "train", "digits", "--model", "cnn1", "--image-size", "8",
        "--epochs", "3", "--threads", "1", "--out", str(tmp_path), "--name", "run",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.readline()
    process.stderr.close()
    process.stdout.close()
    process.wait(120)
    assert (tmp_path / "run" / METRICS).exists()
    assert "epoch 3/3" in (tmp_path / "run" / "log.txt").read_text()
