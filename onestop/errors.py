"""Errors with causes outside the program, each kind with its exit code.

    OneStopError              1   base of the family
    +-- UsageError            2   a wrong option, value, recipe or path
    |   +-- ArchitectureError 2   a network that cannot be built, or not for these images
    |   +-- ModelFileError    2   a weights file that is damaged, foreign or too new
    |   +-- RunLockedError    2   another process is training in the run folder
    +-- DataError             3   the images, labels or splits of a source
    |   +-- BadImageError     3   a single image that cannot be read
    +-- NonFiniteLossError    5   the loss became NaN or infinite
    +-- InterruptedRun   75/130   a signal stopped the run; it can be resumed
    +-- OutOfMemoryError      1   a step ran out of memory
    +-- WriteError            1   a full disk, or a folder that cannot be written

The command line prints the message as one line, never a traceback; in Python these are ordinary
exceptions, all of them exported by `onestop`. A message names the place, the value and the way out,
in this order. Anything that is not a `OneStopError` is a bug in OneStop.
"""

from __future__ import annotations

import re


def one_line(value: object) -> str:
    r"""A value on one printable line: names of files and classes can hold any character.

    What is not printable is escaped as Python writes it: control characters, the beginnings of escape
    sequences, characters that turn the direction of text, halves of characters.

    >>> one_line("a\x1b[2J\u202eb")
    'a\\x1b[2J\\u202eb'
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class OneStopError(Exception):
    """Base of all errors that OneStop raises on purpose; exit code 1.

    The message is always one printable line, whatever characters file and class names contain.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class UsageError(OneStopError):
    """A wrong option, value, recipe, network or model file; raised before any work is done."""

    exit_code = 2


class ArchitectureError(UsageError):
    """A network that cannot be built, or not for this image size, these channels or classes."""


class ModelFileError(UsageError):
    """A weights file, a model or a training state that cannot be used.

    It is damaged, in an unsupported format, for another network, or written by a newer OneStop.
    """


class RunLockedError(UsageError):
    """Another process is training in the run folder."""


class DataError(OneStopError):
    """A problem with the images, labels or splits of a source."""

    exit_code = 3


class BadImageError(DataError):
    """An image that cannot be read; the message is the reason without the file's name.

    Work on many images skips and reports it; `Model.prepare`, which takes one image, raises it.
    """


class NonFiniteLossError(OneStopError):
    """The loss became NaN or infinite, or the outputs after every epoch were; see `docs/train.md`."""

    exit_code = 5


class InterruptedRun(OneStopError):  # noqa: N818 - not a failure: the run can be resumed
    """A signal stopped the run after its state was saved; `onestop train RUN` resumes it.

    Exit code 130 after Ctrl-C (SIGINT), 75 ("temporary failure, try again") after SIGTERM.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class OutOfMemoryError(OneStopError):
    """A step ran out of memory; the message names a batch size that would fit."""


class WriteError(OneStopError):
    """A file or folder that cannot be written: disk full, or no access. Existing files are intact."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch or a library below it ran out of memory.

    Only on GPUs does torch have an error class for it, so the messages have to be matched.
    """
    patterns = (
        r"out of memory|can't allocate memory|not enough memory|bad_alloc|bad allocation|"
        r"could not create a (primitive|memory object)"  # oneDNN's convolutions
    )
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and re.search(patterns, str(error)) is not None
    )
