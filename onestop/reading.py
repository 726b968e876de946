"""Reading files that anybody may have made, such as those of a run folder, without trusting them.

Only regular files of bounded size are read: a pipe or a device under the name of a file is refused at
once instead of waited for.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

MOST_JSON = 2**24
"""Bytes of a JSON file that is parsed whole: 16 MiB, the metrics of about 100,000 classes."""
MOST_HEADER = 25 * 10**6
"""Bytes of the header of a safetensors file that is parsed; each tensor takes about 100."""
NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""For `os.open`: do not wait for the other end of a pipe. Windows has no pipes in folders."""
_BINARY = getattr(os, "O_BINARY", 0)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, or a link to one; never waits for a pipe or a device.

    Raises:
        OSError: There is no such file, or it is something else.
    """
    handle = os.open(path, os.O_RDONLY | NO_WAITING | _BINARY)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "is not a file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises:
        OSError: There is no such file, it is something else, or larger.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most / 2**20:,.3g} MiB", str(path))
    return content


def read_text(path: Path, most: int) -> str:
    """The text of a regular file in UTF-8, with its line ends as they are.

    Raises:
        OSError: As `read_regular`.
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_regular(path, most).decode("utf-8")


def read_object(path: Path) -> dict[str, Any]:
    """The object in a small JSON file; empty if the file is missing, damaged or not an object."""
    try:
        values = parse_json(read_text(path, MOST_JSON))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not JSON, has a key twice, or is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"{key!r} is set twice")
        values[key] = value
    return values
