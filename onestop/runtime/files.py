"""Atomic and durable writing of files: they are complete or absent, even after a power cut."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from onestop.errors import WriteError


def read_object(path: Path) -> dict[str, Any]:
    """The object in a small JSON file; empty if the file is missing, damaged or not an object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file completely or not at all, even if the power fails.

    Written under a temporary name in the same folder, flushed to disk, then renamed.

    Raises:
        WriteError: The disk is full or cannot be written; an existing file is untouched.
    """
    content = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"{path}: cannot be written ({error.strerror})") from error


def make_folder(folder: Path) -> None:
    """Create a folder that survives a power cut, if it does not exist.

    Raises:
        WriteError: It cannot be created.
    """
    try:
        if not folder.is_dir():
            folder.mkdir()
            flush_folder(folder.parent)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be created ({error.strerror})") from error


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to disk (needed after a rename; POSIX only)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
