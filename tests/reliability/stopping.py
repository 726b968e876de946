"""Commands whose decoder hangs, to send them signals: each is a process of its own.

torch is imported once, here; each command is then a fork of this process, which takes no second.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
HANGS = ("sleep", "later", "busy", "python", "bomb")
"""How decoding a file called `slow...` hangs: as in C code, idle; as that but not the first times; as
in C code, computing; in Python; or as the file itself does, with nobody counting its scans."""


@dataclass
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code; minus the signal that killed it.
        seconds: From the last signal to the end.
        text: What it printed.
    """

    code: int
    seconds: float
    text: str


class Commands:
    """Starts commands by forking a process in which everything is imported."""

    def __init__(self, folder: Path) -> None:
        """`folder` gets what the commands print."""
        self.folder = folder
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "ONESTOP_REPORT": "0"}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.stopping", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip

    def run(
        self, hang: str, words: list[str], signals: list[int], *, limit: float = 600.0
    ) -> Ended:
        """Run a command, and send it signals one second apart once it decodes a slow file."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        (self.folder / "slow").unlink(missing_ok=True)
        self._parent.stdin.write("\t".join([hang, str(limit), *words]) + "\n")
        self._parent.stdin.flush()
        child = int(self._parent.stdout.readline())
        deadline = time.monotonic() + 60
        while signals and not (self.folder / "slow").exists():
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)  # the next command could not begin
                self._parent.stdout.readline()
                raise AssertionError((self.folder / "printed").read_text())
            time.sleep(0.02)
        time.sleep(0.2)  # it is inside the decoder now
        begun = time.monotonic()
        for number in signals:
            time.sleep(0.3 if number is not signals[0] else 0)
            begun = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
        status = int(self._parent.stdout.readline())
        seconds = time.monotonic() - begun
        text = (self.folder / "printed").read_text(errors="replace")
        return Ended(os.waitstatus_to_exitcode(status), seconds, text)

    def close(self) -> None:
        """End the process that forks."""
        self._parent.kill()
        self._parent.wait()
        for pipe in (self._parent.stdin, self._parent.stdout):
            assert pipe is not None
            pipe.close()


def _patch(kind: str, folder: Path) -> None:
    """Make decoding of files with `slow` in their names hang after their headers, and tell when."""
    decode: Any = importlib.import_module("onestop.images.decode")
    jpeg: Any = importlib.import_module("onestop.images.jpeg")
    limited = decode.limited
    calls = itertools.count()

    def told(name: str, function: Callable[..., object], *arguments: object) -> object:
        slow = "slow" in Path(name).name and function is decode._decoded
        if not slow or (kind == "later" and next(calls) < 40):
            return limited(name, function, *arguments)

        def hanging() -> object:
            (folder / "slow").touch()
            while kind in ("sleep", "later"):
                time.sleep(3600)
            if kind == "busy":
                hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
            while kind == "python":
                pass
            return function(*arguments)

        return limited(name, hanging)

    decode.limited = told
    if kind == "bomb":
        jpeg._MOST_SCANS, jpeg._SCANNED = 10**9, 10**18


def _child(folder: Path, kind: str, limit: str, words: list[str]) -> None:
    out = os.open(folder / "printed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (0, 1, 2):
        os.dup2(out if number else os.open(os.devnull, os.O_RDONLY), number)
    os.environ["ONESTOP_MAX_SECONDS"] = limit
    sys.argv = ["onestop", *words]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _patch(kind, folder)
    from onestop.cli import entry_point

    entry_point()


def main(folder: Path) -> None:
    """Fork for each line on standard input: the kind of hang, the limit of time, the words."""
    for name in ("train", "predict", "lint", "info", "evaluate", "explain", "report"):
        importlib.import_module(f"onestop.verbs.{name}")
    for name in ("jobs.run", "inference.load", "linting", "explaining.images", "reporting.gather"):
        importlib.import_module(f"onestop.{name}")
    for line in sys.stdin:
        kind, limit, *words = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            _child(folder, kind, limit, words)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
