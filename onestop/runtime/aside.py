"""A word to the person while something takes long, below all that can print a table."""

from __future__ import annotations

import contextlib
import sys


def aside(text: str) -> None:
    """Write to standard error, if there is one, what the package itself has to say, as it is.

    Not for names of the user's files: `onestop/display/tables.py` escapes those.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


def is_live() -> bool:
    """Whether standard error is a terminal, on which a line can be written again."""
    return bool(sys.stderr and sys.stderr.isatty())
