"""A limit on the time of decoding, and threads that can be left behind.

No program can stop a thread that is inside a decoder's C code. So images are decoded in daemon threads,
and whoever waits for one looks from outside at the processor time of its current image. After the limit
the thread is left behind: the image counts as unreadable, another thread takes over, and neither Ctrl-C
nor the end of the program waits for it. Processor time, unlike time on the clock, does not depend on
what else the machine does.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from onestop.errors import BadImageError, DataError

MAX_SECONDS = 10.0
"""Processor time that decoding one image may take; ONESTOP_MAX_SECONDS sets another limit."""
MOST_LEFT = 4
"""Threads that may be left behind at once: each occupies a processor and the memory of its image."""
ASK: list[Callable[[], None]] = []
"""Called every `_TICK` by whoever waits; may raise, for example after a signal."""

_TICK = 0.1  # seconds
_PATIENCE = 1.0  # seconds that the end of a pool waits for images that are being read
_ALL_THREADS = 6  # times the limit, on the clock: a decoder may work in threads of its own
_HAS_CLOCKS = hasattr(time, "pthread_getcpuclockid")

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Left(BaseException):
    """Ends a thread that was left behind, as soon as it runs Python code again."""


def most_seconds() -> float:
    """The processor time in seconds that decoding one image may take."""
    try:
        seconds = float(os.environ.get("ONESTOP_MAX_SECONDS", ""))
    except ValueError:
        return MAX_SECONDS
    return seconds if seconds > 0 else MAX_SECONDS


def limited(name: str, function: Callable[..., _Result], *arguments: Any) -> _Result:
    """`function(*arguments)`, which decodes one image, within the limit.

    In a thread of `Threads` it is called directly, and whoever waits for that thread keeps the time;
    any other thread hands it to a spare one and waits.

    Args:
        name: Of the image, for messages; may be empty.
        function: Decodes the image. Parts of it may be `limited` too.
        arguments: Of the function.

    Raises:
        BadImageError: It took too long.
        DataError: So did several others, which are still being decoded.
    """
    thread = threading.current_thread()
    if isinstance(thread, _Thread):
        return thread.timed(name, function, arguments)
    threads: Threads[None, _Result] = _spare.pop() if _spare else Threads(1, "onestop-image")
    future = threads.submit(lambda _: limited(name, function, *arguments), None)
    try:
        return threads.result(future)
    finally:
        if future.done():
            _spare.append(threads)
        else:  # interrupted
            threads.close(patience=0)


def left_behind() -> list[str]:
    """The names of the images that threads that were left behind are still decoding."""
    _left[:] = [thread for thread in _left if thread.is_alive()]
    return [thread.image for thread in _left]


class Threads(Generic[_Item, _Result]):
    """A pool of daemon threads; started one by one, as there is work."""

    def __init__(self, count: int, name: str, prepare: Callable[[], None] | None = None) -> None:
        """At most `count` threads called `name`; each calls `prepare` first."""
        self._count, self._name, self._prepare = count, name, prepare
        self._calls: SimpleQueue[_Call[_Item, _Result] | None] = SimpleQueue()
        self._threads: list[_Thread] = []

    def submit(self, function: Callable[[_Item], _Result], item: _Item) -> Future[_Result]:
        """Have a thread call `function(item)`.

        Raises:
            RuntimeError: Not even one thread can be started.
        """
        call = _Call(function, item)
        self._calls.put(call)
        if len(self._threads) < self._count:
            try:
                self._start()
            except RuntimeError:
                if not self._threads:
                    raise
                self._count = len(self._threads)  # no more than these: `ulimit -u`
        return call.future

    def result(self, future: Future[_Result]) -> _Result:
        """The result of a call, or its exception; meanwhile images that take too long are given up."""
        while True:
            try:
                return future.result(_TICK)
            except TimeoutError:
                if future.done():
                    raise
            for ask in ASK:
                ask()
            for thread in [thread for thread in self._threads if thread.is_overdue()]:
                self._replace(thread)

    def close(self, patience: float = _PATIENCE) -> None:
        """Cancel what has not begun; wait a little for the rest, then leave it behind."""
        while not self._calls.empty():
            if (call := self._calls.get()) is not None:
                call.future.cancel()
        for _ in self._threads:
            self._calls.put(None)
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                thread.leave()
        self._threads.clear()

    def _start(self, call: _Call[_Item, _Result] | None = None) -> None:
        thread = _Thread(self._calls, self._name, self._prepare, call)
        thread.start()
        self._threads.append(thread)

    def _replace(self, thread: _Thread) -> None:
        """Leave a thread behind; its call is made again, with the slow image refused."""
        call, number = thread.call, thread.number
        self._threads.remove(thread)
        thread.leave()
        if len(names := left_behind()) > MOST_LEFT:
            raise DataError(
                f"{', '.join(names)}: still being decoded after {most_seconds():g} s each; remove "
                "them, or raise ONESTOP_MAX_SECONDS"
            )
        if call is not None:
            call.refused = number
            self._start(call)


class _Call(Generic[_Item, _Result]):
    """A call of a function, in whichever thread.

    Attributes:
        future: Gets the result.
        refused: Which of the images that the call decodes is refused, counted from 1; 0 is none.
    """

    __slots__ = ("function", "future", "item", "refused")

    def __init__(self, function: Callable[[_Item], _Result], item: _Item) -> None:
        self.function, self.item = function, item
        self.future: Future[_Result] = Future()
        self.refused = 0

    def make(self) -> None:
        """Call it, unless it was cancelled, and hand over the result or the exception."""
        if self.future.cancelled():
            return
        try:
            result = self.function(self.item)
        except Left:
            raise
        except BaseException as error:
            self._hand_over(self.future.set_exception, error)
        else:
            self._hand_over(self.future.set_result, result)

    @staticmethod
    def _hand_over(setter: Callable[[Any], None], value: Any) -> None:
        # It may have been cancelled, or another thread may have made the call in the meantime.
        with contextlib.suppress(InvalidStateError):
            setter(value)


class _Thread(threading.Thread):
    """A daemon thread of a pool, which keeps the time of the image that it decodes.

    Attributes:
        call: Being made.
        number: Images that this call has begun to decode.
        begun: The thread's processor time when the current image began; None between images.
        image: Its name.
        left: Whether the thread was left behind.
    """

    def __init__(
        self,
        calls: SimpleQueue[Any],
        name: str,
        prepare: Callable[[], None] | None,
        call: _Call[Any, Any] | None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._calls, self._prepare, self.call = calls, prepare, call
        self.number, self.begun, self.image, self.left = 0, None, "", False
        self._clock: int | None = None
        self._watched: tuple[float | None, float, float] = (None, 0.0, 0.0)

    number: int
    begun: float | None

    def run(self) -> None:
        if _HAS_CLOCKS:
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            if self._prepare:
                self._prepare()
            while not self.left and (call := self.call or self._calls.get()) is not None:
                self.call, self.number = call, 0
                call.make()
                self.call = call = None
        except Left:
            pass

    def timed(
        self, name: str, function: Callable[..., _Result], arguments: tuple[Any, ...]
    ) -> _Result:
        """Call a function that decodes an image."""
        if self.begun is not None:  # a part of an image
            return function(*arguments)
        self.number += 1
        if self.call is not None and self.number == self.call.refused:
            raise too_slow()
        self.image = name
        self.begun = time.thread_time() if self._clock is not None else time.monotonic()
        try:
            result = function(*arguments)
        finally:
            self.begun = None
        if self.left:  # somebody else has the answer by now
            raise Left
        return result

    def is_overdue(self) -> bool:
        """Whether its current image takes too long; to be asked every `_TICK`."""
        begun, limit = self.begun, most_seconds()
        if begun is None:
            return False
        before, waited, asked = self._watched
        now = time.monotonic()
        # A pause of the whole program (Ctrl-Z, a closed laptop) counts as one tick.
        waited = waited + min(now - asked, 2 * _TICK) if before is begun else 0.0
        self._watched = (begun, waited, now)
        try:
            used = (now if self._clock is None else time.clock_gettime(self._clock)) - begun
        except OSError:  # the thread has just ended
            return False
        return (used > limit or waited > _ALL_THREADS * limit) and self.begun is begun

    def leave(self) -> None:
        """Leave it behind: it ends when it next runs Python code.

        In a traced program (by a debugger, or for coverage) it ends after its image: Python 3.11 hangs
        if one thread enters a function there while an exception waits for another one.
        """
        self.left = True
        _left.append(self)
        if self.ident is not None and sys.gettrace() is None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.ident), ctypes.py_object(Left)
            )


def too_slow() -> BadImageError:
    """The error of an image that took too long; a disk cache takes its cause for a passing one."""
    error = BadImageError(
        f"takes more than {most_seconds():g} s to decode (ONESTOP_MAX_SECONDS sets the limit)"
    )
    error.__cause__ = TimeoutError(errno.ETIMEDOUT, "too slow")
    return error


_spare: list[Threads[Any, Any]] = []
_left: list[_Thread] = []
if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_spare.clear)
    os.register_at_fork(after_in_child=_left.clear)
