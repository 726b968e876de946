"""What can go wrong because of something outside the program, each kind with its exit code.

The command line prints the message of these as one line and never a traceback; from Python they
are ordinary exceptions. A message names the place, the value and the way out, in this order.
Anything that is not a `OneStopError` is a bug in OneStop.
"""

from __future__ import annotations

import re


class OneStopError(Exception):
    """Base of all errors that OneStop raises on purpose; exit code 1.

    Its message is one line, whatever letters the names of files, classes and weights in it are of.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in message))


class UsageError(OneStopError):
    """A wrong option, value, recipe, network or model file; raised before any work is done."""

    exit_code = 2


class DataError(OneStopError):
    """A problem with the images, labels or splits of a source."""

    exit_code = 3


class NonFiniteLossError(OneStopError):
    """The loss became NaN or infinite; the last finite weights are kept."""

    exit_code = 5


class InterruptedRun(OneStopError):  # noqa: N818 - not a failure: the run can go on
    """A signal stopped the run after its state was saved; `onestop train RUN` continues it.

    Exit code 130 after Ctrl-C (SIGINT), 75 ("temporary failure, try again") after SIGTERM.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class OutOfMemoryError(OneStopError):
    """A step found no memory; the message says which batch would fit."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch or a library below it found no memory.

    torch has an error of its own for it on a GPU alone, so its words have to be read.
    """
    words = (
        r"out of memory|can't allocate memory|not enough memory|bad_alloc|bad allocation|"
        r"could not create a (primitive|memory object)"  # oneDNN's convolutions
    )
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and re.search(words, str(error)) is not None
    )
