"""Cooperative cancellation: Ctrl-C and SIGTERM set a flag that long loops poll."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Stopped(Exception):  # noqa: N818 - not a failure: somebody asked for it
    """Work was left between two of its pieces because a signal asked for it.

    Not a `OneStopError`: the run that catches it saves its state and raises `InterruptedRun`.
    """


_CODES = {signal.SIGINT: 130, signal.SIGTERM: 75}


class Stop:
    """While open, the first signal only sets `wanted`; a second Ctrl-C stops at once.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.exit_code = 130
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        _open.append(self)
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _CODES}
        return self

    def __exit__(self, *_: object) -> None:
        _open.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
        self.exit_code = _CODES[signal.Signals(number)]


_open: list[Stop] = []


def check() -> None:
    """Leave off here if a signal has asked for it; for loops between two pieces of work.

    Raises:
        Stopped: It has. Where no `Stop` is open, signals do what they always do.
    """
    if any(stop.wanted for stop in _open):
        raise Stopped
