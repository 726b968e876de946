"""What Pillow raises on a damaged file, and how a message says it."""

from __future__ import annotations

import struct

DAMAGE = (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError,
          OverflowError, ArithmeticError, AttributeError, RuntimeError, MemoryError,
          struct.error, Warning)  # fmt: skip
"""Exceptions of Pillow on damaged files: its own are OSErrors, its format readers raise the rest."""


def reason_of(error: BaseException) -> str:
    """The message of a Pillow or system error, without the file name."""
    text = getattr(error, "strerror", None) or str(error).split(" '")[0].split(" <")[0]
    return text or type(error).__name__
