"""Cooperative cancellation: Ctrl-C and SIGTERM set a flag that long loops poll."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Stopped(Exception):  # noqa: N818 - not a failure: somebody asked for it
    """A loop ended between two iterations because a signal requested it.

    Not a `OneStopError`: the run that catches it saves its state and raises `InterruptedRun`.
    """


_CODES = {signal.SIGINT: 130, signal.SIGTERM: 75}


class Stop:
    """Within this context, the first signal only sets `requested`; a second Ctrl-C stops at once.

    So does the first one where there is nothing to save: within `at_once`.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self.exit_code = 130
        self._at_once = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        _open.append(self)
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._request) for number in _CODES}
        return self

    def __exit__(self, *_: object) -> None:
        _open.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Raise `Stopped` as soon as a signal comes, whatever is being done, and not between steps."""
        check()
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _request(self, number: int, _: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
        self.exit_code = _CODES[signal.Signals(number)]
        if self._at_once:
            raise Stopped


_open: list[Stop] = []


def check() -> None:
    """Stop here if a signal requested it; long loops call it in each iteration.

    Raises:
        Stopped: A signal came. Outside a `Stop`, signals have their usual effect.
    """
    if any(stop.requested for stop in _open):
        raise Stopped
