"""Comma-separated values that a spreadsheet computes nothing from."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


_ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def csv_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, header: bool = False
) -> str:
    """Rows as comma-separated values; columns that a row lacks stay empty.

    Text that a spreadsheet would compute, such as a class called `=cmd()`, gets an apostrophe before it
    (OWASP, "CSV Injection").

    Raises:
        ValueError: A row has a value for which there is no column.
    """
    lines = _Lines()
    writer = csv.DictWriter(lines, columns, restval="")
    if header:
        writer.writeheader()
    writer.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)
    return "".join(lines)


class _Lines(list[str]):
    """Takes rows that end in CR and LF and ends them in LF.

    Told to write LF alone, Python's writer would not quote a CR within a cell; the row would be torn.
    """

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def plain_cell(text: str) -> str:
    r"""What a cell was made of: without the apostrophe of `csv_text`, with the bytes of file names.

    Bytes that are no UTF-8 stand as `\udcff` and the like in what `write_atomic` wrote.
    """
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return text[1:] if text[:1] == "'" and _no_formula(text[1:]) == text else text


def _no_formula(value: object) -> object:
    """A cell as it is, or with an apostrophe where a spreadsheet would take it for a formula.

    Also where it would look like one of these, so that `plain_cell` can tell.
    """
    if not isinstance(value, str) or not value.lstrip("'").startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
