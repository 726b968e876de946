"""One's own classes, made of a model's: a table of two columns.

tench,fish
goldfish,fish
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onestop.errors import UsageError
from onestop.reading import read_text

_MOST = 2**24  # bytes


@dataclass(frozen=True)
class Row:
    """A class of the model and the class of one's own that it is part of.

    Attributes:
        place: Where it stands, for error messages.
    """

    part: str
    own: str
    place: str


def class_map(given: Any) -> list[Row]:
    """The rows of a map of classes.

    Args:
        given: Path of a CSV file with a class of the model and one's own in each line; in Python also
            a mapping of the former to the latter. A name that contains commas needs no quotes.

    Raises:
        UsageError: It cannot be read, is empty, or a line has fewer than two columns.
    """
    if isinstance(given, Mapping):
        return [Row(str(part), str(own), "--map") for part, own in given.items()]
    if not isinstance(given, str | os.PathLike):
        raise UsageError(
            f"--map of type {type(given).__name__}: name a CSV file, or give a mapping"
        )
    path = Path(given)
    try:
        text = read_text(path, _MOST).removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "is not text in UTF-8"
        raise UsageError(f"--map {path}: {reason}; name a CSV file of class,own class") from None
    return _rows(path, text)


def _rows(path: Path, text: str) -> list[Row]:
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            place = f"--map {path}, line {reader.line_num}"
            *part, own = (cell.strip() for cell in cells)
            if not own or not any(part):
                raise UsageError(f"{place}: has one column; write class,own class")
            rows.append(Row(", ".join(part), own, place))
    except csv.Error as error:
        raise UsageError(f"--map {path}: is not CSV ({error})") from None
    if not rows:
        raise UsageError(f"--map {path}: is empty; write class,own class in each line")
    return rows
