"""Running out of memory: one line with a batch that fits, and it does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.errors import OutOfMemoryError, is_out_of_memory
from onestop.storage.model_file import read_weights
from onestop.training import out_of_memory as fitting
from onestop.training.setup import Session
from onestop.training.step import LocalStep

REAL_STEP = LocalStep.__call__
MILLION = 10**6


def limit(monkeypatch: pytest.MonkeyPatch, images: int, left: int, *, from_step: int = 0) -> None:
    """Steps of the loop find memory for so many images at once, from a step on.

    They are seen to need 2 MB, and 1 MB more an image; `left` MB are there.
    """

    def call(step: LocalStep, training: Any, task: Any, learner: Any, batch: Any, lr: float) -> Any:
        short = len(batch.targets) / step.accumulate > images
        if short and training.progress.step >= from_step:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")
        return REAL_STEP(step, training, task, learner, batch, lr)

    monkeypatch.setattr(LocalStep, "__call__", call)
    monkeypatch.setattr("onestop.training.out_of_memory._SURE", 1.0)
    monkeypatch.setattr("onestop.training.out_of_memory._READING", 0)
    monkeypatch.setattr("onestop.training.out_of_memory._SAVING", 0)
    monkeypatch.setattr("onestop.runtime.memory.available", lambda _: left * MILLION)
    monkeypatch.setattr(
        "onestop.training.out_of_memory._need", lambda _, images: (2 + images) * MILLION
    )


def train(**given: Any) -> onestop.Run:
    rng = np.random.default_rng(0)
    data = (rng.integers(0, 256, (130, 20, 20), dtype=np.uint8), np.arange(130) % 2)
    options = {"model": "lenet5", "epochs": 2, "batch_size": 64, "threads": 1, "quiet": True}
    return onestop.train(data, **{**options, **given})


@pytest.mark.thorough
def test_the_line_names_a_batch_and_a_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 20, left=22)
    with pytest.raises(OutOfMemoryError) as caught:
        train()
    assert str(caught.value) == (
        "out of memory with batches of 64 images of 32x32; about 16 fit: --batch-size 16, or keep "
        "the batch and compute it in parts: --accumulate 4"
    )
    train(batch_size=16)
    train(accumulate=4)


@pytest.mark.thorough
def test_parts_are_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 9, left=11)
    with pytest.raises(OutOfMemoryError, match=r"about 18 fit: --batch-size 18, or .* 8$"):
        train(accumulate=2)


@pytest.mark.thorough
def test_where_nothing_fits_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 1, left=9)
    monkeypatch.setattr("onestop.training.out_of_memory._need", lambda *_: None)
    with pytest.raises(OutOfMemoryError, match=r"can't allocate .*, and with few; lower --image"):
        train()


@pytest.mark.thorough
def test_where_nothing_can_be_measured_it_says_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 20, left=22)
    monkeypatch.setattr("onestop.training.out_of_memory._measure", _no_memory)
    with pytest.raises(OutOfMemoryError, match=r"32x32; lower --batch-size or .* --accumulate$"):
        train()


@pytest.mark.thorough
def test_what_is_saved_stays_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        limit(patch, 20, left=20, from_step=2)
        with pytest.raises(
            OutOfMemoryError, match=r"with more memory, resume with: onestop train .*cut"
        ):
            train(name="cut")
    assert read_weights(Path("runs/cut/model.safetensors"))
    rng = np.random.default_rng(0)
    data = (rng.integers(0, 256, (130, 20, 20), dtype=np.uint8), np.arange(130) % 2)
    resumed, whole = onestop.train(data, resume="runs/cut", quiet=True), train(name="whole")
    assert resumed.metrics["accuracy"] == whole.metrics["accuracy"]
    assert resumed.metrics["loss"] == whole.metrics["loss"]


def test_what_is_no_lack_of_memory_is_not_called_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(LocalStep, "__call__", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        train()
    assert not is_out_of_memory(ValueError("out of memory"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("could not create a primitive"))


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own figures")
def test_what_an_image_needs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """LeNet-5 keeps some 100 kB an image of 32x32; more images, more memory."""
    found: list[Any] = []
    real = fitting._measure

    def noted(parts: Any, failed: int) -> Any:
        found.append(real(parts, failed))
        return found[-1]

    monkeypatch.setattr("onestop.training.out_of_memory._measure", noted)
    monkeypatch.setattr(Session, "step", property(lambda _: _no_memory))
    with pytest.raises(OutOfMemoryError):
        train(batch_size=100_000, val_fraction=0)
    assert 20_000 < found[0].per_image < 500_000


def _no_memory(*_: object) -> None:
    raise MemoryError


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux does")
def test_the_batch_it_names_runs_under_the_same_limit() -> None:
    """In a process whose address space may grow by 1200 MiB beyond what torch takes."""
    code = (
        "import resource, sys, numpy, torch, onestop\n"
        "from onestop.runtime.memory import _kilobytes, Path\n"
        "rng = numpy.random.default_rng(0)\n"
        "data = rng.integers(0, 256, (600, 96, 96, 3), dtype=numpy.uint8), numpy.arange(600) % 2\n"
        "most = _kilobytes(Path('/proc/self/status'), 'VmSize') + 1200 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "try:\n"
        "    onestop.train(data, model='resnet18', image_size=96, epochs=1, threads=1, workers=1,\n"
        "                  val_fraction=0.1, quiet=True, batch_size=int(sys.argv[1]))\n"
        "except onestop.OneStopError as error:\n"
        "    print(error)\n"
    )

    def run(batch: int) -> str:
        command = [sys.executable, "-c", code, str(batch)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    line = run(512)
    found = re.match(r"out of memory with batches of 512 images of 96x96; about (\d+) fit", line)
    assert found, line
    assert 8 <= int(found[1]) < 512
    assert run(int(found[1])) == ""
