"""CSV files that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


_ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def csv_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, header: bool = False
) -> str:
    """Rows as comma-separated values; missing values are empty.

    Text that a spreadsheet would evaluate, such as a class called `=cmd()`, is prefixed with an
    apostrophe (OWASP, "CSV Injection").

    Raises:
        ValueError: A row has a value without a column.
    """
    lines = _Lines()
    writer = csv.DictWriter(lines, columns, restval="")
    if header:
        writer.writeheader()
    writer.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)
    return "".join(lines)


class _Lines(list[str]):
    """Takes rows that end in CR LF and ends them in LF.

    With LF as its line terminator, Python's writer would not quote a CR in a cell and break the row.
    """

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def plain_cell(text: str) -> str:
    r"""The original text of a cell: without the apostrophe of `csv_text`, with the bytes of file names.

    `write_atomic` writes bytes that are not UTF-8 as `\udcff` and the like.
    """
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text[1:] if text[:1] == "'" and _no_formula(text[1:]) == text else text


def _no_formula(value: object) -> object:
    """A cell, prefixed with an apostrophe if a spreadsheet would take it for a formula.

    Text that already looks like such a cell is prefixed too, so that `plain_cell` can undo it.
    """
    if not isinstance(value, str) or not value.lstrip("'").startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
