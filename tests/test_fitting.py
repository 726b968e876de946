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
from onestop import loop
from onestop.errors import OutOfMemoryError, is_out_of_memory
from onestop.modelfile import read_weights

REAL_STEP = loop.take_step


def limit(monkeypatch: pytest.MonkeyPatch, images: int, *, from_step: int = 0) -> None:
    """Steps find memory for so many images at once; in the loop only from a step on too few."""

    def step(training: Any, learner: Any, task: Any, batch: Any, recipe: Any, engine: Any) -> Any:
        if len(batch.targets) / recipe.accumulate > images:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")
        return REAL_STEP(training, learner, task, batch, recipe, engine)

    def in_loop(training: Any, *rest: Any) -> Any:
        taken = training.progress.step < from_step
        return (REAL_STEP if taken else step)(training, *rest)

    monkeypatch.setattr("onestop.fitting.take_step", step)
    monkeypatch.setattr("onestop.loop.take_step", in_loop)


def train(**given: Any) -> onestop.Run:
    rng = np.random.default_rng(0)
    data = (rng.integers(0, 256, (130, 20, 20), dtype=np.uint8), np.arange(130) % 2)
    options = {"model": "lenet5", "epochs": 2, "batch_size": 64, "threads": 1, "quiet": True}
    return onestop.train(data, **{**options, **given})


def test_the_line_names_a_batch_and_a_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 20)
    with pytest.raises(OutOfMemoryError) as caught:
        train()
    assert str(caught.value) == (
        "out of memory with batches of 64 images of 32x32; about 16 fit: --batch-size 16, or keep "
        "the batch and compute it in parts: --accumulate 4"
    )
    train(batch_size=16)
    train(accumulate=4)


def test_parts_are_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 9)
    with pytest.raises(OutOfMemoryError, match=r"about 9 fit at once: --batch-size 18, or .* 8$"):
        train(accumulate=2)


def test_where_nothing_fits_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 1)
    with pytest.raises(OutOfMemoryError, match=r"can't allocate .*; not even 2 fit: lower --image"):
        train()


def test_what_is_saved_stays_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        limit(patch, 20, from_step=2)
        with pytest.raises(
            OutOfMemoryError, match=r"with more memory, onestop train .*cut goes on"
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

    monkeypatch.setattr("onestop.loop.take_step", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        train()
    assert not is_out_of_memory(ValueError("out of memory"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("could not create a primitive"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux does")
def test_the_batch_it_names_runs_under_the_same_limit() -> None:
    """In a process whose address space may grow by 900 MiB beyond what torch takes."""
    code = (
        "import resource, sys, numpy, torch, onestop\n"
        "from onestop.memory import _kilobytes, Path\n"
        "rng = numpy.random.default_rng(0)\n"
        "data = rng.integers(0, 256, (300, 96, 96, 3), dtype=numpy.uint8), numpy.arange(300) % 2\n"
        "most = _kilobytes(Path('/proc/self/status'), 'VmSize') + 900 * 2**20\n"
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

    line = run(256)
    found = re.match(r"out of memory with batches of 256 images of 96x96; about (\d+) fit", line)
    assert found, line
    assert 8 <= int(found[1]) < 256
    assert run(int(found[1])) == ""
