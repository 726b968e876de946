"""Names of a network's outputs, from a file of the user's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from onestop.errors import UsageError
from onestop.reading import parse_json, read_text

_MOST = 2**24  # bytes


def class_names(given: Any) -> tuple[str, ...]:
    """The names that a user gives, in the order of the outputs.

    Args:
        given: Path of a text file with one name a line, or of a JSON file: a list of names, or an
            object of index to name (or to [id, name], as Keras has it), or of name to index; in Python
            also a list of names.

    Raises:
        UsageError: It cannot be read, has no names, one twice, or numbers with holes.
    """
    if not isinstance(given, str | os.PathLike):
        return _checked(tuple(map(str, given)), "classes")
    path = Path(given)
    try:
        text = read_text(path, _MOST)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "is not text in UTF-8"
        raise UsageError(
            f"--classes {path}: {reason}; name a file with one class a line, or JSON"
        ) from None
    if text.lstrip().startswith(("{", "[")):
        return _checked(_of_json(path, text), str(path))
    return _checked(tuple(line.strip() for line in text.splitlines() if line.strip()), str(path))


def _of_json(path: Path, text: str) -> tuple[str, ...]:
    try:
        content = parse_json(text)
    except (ValueError, json.JSONDecodeError) as error:
        raise UsageError(f"--classes {path}: is not JSON ({error})") from None
    if isinstance(content, list):
        return tuple(map(_name, content))
    numbered = {}
    for key, value in content.items():
        index, name = (key, value) if str(key).isdecimal() else (value, key)
        if not str(index).isdecimal():
            raise UsageError(f"--classes {path}: {key!r} has no number; write index to name")
        numbered[int(index)] = _name(name)
    if sorted(numbered) != list(range(len(numbered))):
        raise UsageError(
            f"--classes {path}: its numbers are not 0 to {len(numbered) - 1}; name every output once"
        )
    return tuple(numbered[index] for index in range(len(numbered)))


def _name(value: Any) -> str:
    return str(value[-1]) if isinstance(value, list) and value else str(value)


def _checked(names: tuple[str, ...], place: str) -> tuple[str, ...]:
    if not names:
        raise UsageError(f"--classes {place}: has no names; write one a line")
    doubled = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if doubled:
        raise UsageError(
            f"--classes {place}: has {doubled[0]!r} twice; name each output differently"
        )
    return names
