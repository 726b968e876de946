"""Every system call of a save is a place to die at: whichever it is, a whole state is left.

strace (https://strace.io) stops a process at the k-th call of a kind and kills it there, for every k.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from onestop.metrics.spec import LOSS
from onestop.networks import build
from onestop.optim.optimizers import optimizer_for
from onestop.storage.own_files import remove_leftovers
from onestop.storage.run_info import InfoFile, read_info
from onestop.training.checkpoint import States
from onestop.training.state import Training
from tests.recipes import recipe
from tests.reliability.card import tried

CALLS = ("openat", "write", "fsync", "rename", "unlink", "mkdir", "close")


def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(
            ["strace", "-o", os.devnull, "true"], capture_output=True, check=False
        ).returncode
        == 0
    )


pytestmark = [
    pytest.mark.thorough,
    pytest.mark.usefixtures("flushing"),  # its calls are looked for
    pytest.mark.skipif(not _strace_works(), reason="strace is not installed, or may not trace"),
]


def training(step: int) -> Training:
    torch.manual_seed(step)
    network = build("linear", 3, image_size=8)
    parts = Training(network, optimizer_for(recipe(optimizer="sgd", lr=0.1).optim, network))
    parts.progress.step = step
    return parts


def save(states: States) -> None:
    states.save(training(9), {})


def traced(act: Callable[[], object], *options: str) -> int:
    """The exit status of a process, forked from this one, that does something under strace."""
    ready, go = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(go)
            os.read(ready, 1)
            act()
            os._exit(0)
        except BaseException:  # whatever it is, the process ends here
            os._exit(1)
    os.close(ready)
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-p", str(pid), *options], stderr=subprocess.DEVNULL
    )
    status = Path(f"/proc/{pid}/status")
    deadline = time.monotonic() + 20
    while "TracerPid:\t0" in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.close(go)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    tracer.wait(20)
    return code


def folder_with(tmp_path: Path, steps: tuple[int, ...]) -> tuple[Path, States]:
    run = tmp_path / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    states = States(run / "state")
    for step in steps:
        states.save(training(step), {})
    return run, states


@pytest.mark.parametrize(
    "before", [(), (1,), (1, 2)], ids=["first save", "second save", "third save"]
)
def test_a_kill_at_any_system_call_leaves_a_whole_state(
    tmp_path: Path, before: tuple[int, ...]
) -> None:
    run, states = folder_with(tmp_path, before)
    log = tmp_path / "calls"
    assert traced(lambda: save(states), "-o", str(log), "-e", f"trace={','.join(CALLS)}") == 0
    counts = {call: len(re.findall(rf"\b{call}\(", log.read_text())) for call in CALLS}
    assert counts["fsync"] >= 2, "the file and the folder"
    assert counts["rename"] == 1
    assert (counts["unlink"] >= 1) == (len(before) > 1), "only what is older than the last goes"
    points, old, new = 0, 0, 0
    for call, count in counts.items():
        for k in range(1, count + 1):
            run, states = folder_with(tmp_path, before)
            kill = f"inject={call}:signal=SIGKILL:when={k}"
            code = traced(partial(save, states), "-o", os.devnull, "-e", kill)
            assert code in (-signal.SIGKILL, 0), (call, k)
            if code == 0:
                continue
            points += 1
            remove_leftovers(run)
            found = States(run / "state")
            saved = found.newest()
            assert found.damaged == [], (call, k)
            assert not list(run.rglob("*.tmp")), "leftovers are removed at the next start"
            step = saved.header["progress"]["step"] if saved else None
            assert step in (9, before[-1] if before else None), (call, k)
            old, new = old + (step != 9), new + (step == 9)
    assert old >= 3, "killed before the rename"
    assert new >= 1, "killed after it"
    tried(
        f"SIGKILL at each system call of a run's {('first', 'second', 'third')[len(before)]} save",
        f"{points} calls: {old} times the old state was there, {new} times the new one",
    )


@pytest.mark.parametrize("before", [None, ("note: a",)], ids=["begin", "next note"])
def test_a_kill_at_any_system_call_leaves_a_whole_run_json(
    tmp_path: Path, before: tuple[str, ...] | None
) -> None:
    """Either what was there before is still there, or all that is new."""
    run = tmp_path / "run"

    def prepared() -> Callable[[], object]:
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        if before is None:
            return lambda: InfoFile(run, "toy", (LOSS,))
        file = InfoFile(run, "toy", (LOSS,))
        file.note(before[0])
        return lambda: file.note("note: b")

    new = () if before is None else (*before, "note: b")
    log = tmp_path / "calls"
    assert traced(prepared(), "-o", str(log), "-e", f"trace={','.join(CALLS)}") == 0
    assert read_info(run).notes == new
    counts = {call: len(re.findall(rf"\b{call}\(", log.read_text())) for call in CALLS}
    assert (counts["fsync"], counts["rename"]) == (2, 1), "the file and the folder"
    left = []
    for call, count in counts.items():
        for k in range(1, count + 1):
            act, kill = prepared(), f"inject={call}:signal=SIGKILL:when={k}"
            code = traced(act, "-o", os.devnull, "-e", kill)
            assert code in (-signal.SIGKILL, 0), (call, k)
            remove_leftovers(run)
            assert {path.name for path in run.iterdir()} <= {"run.json"}
            left.append(read_info(run).notes)
    assert set(left) == {before, new}
    tried("SIGKILL at each system call that writes run.json", f"{len(left)} calls")
