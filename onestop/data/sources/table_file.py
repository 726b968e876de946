"""Tables as files: CSV with the usual delimiters and encodings, or Parquet; cells are text."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onestop.errors import DataError, UsageError
from onestop.text import listing

ITEM_SEPARATOR = "\x1f"
"""Joins the items of a list (in Parquet) in a cell."""
SUFFIXES = (".csv", ".tsv", ".parquet", ".txt")
_DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "|"}
_MARKS = (  # UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Table:
    """The cells of a table.

    Attributes:
        source: Its name, for messages.
        header: Names of the columns, without blanks around them.
        rows: The number of each row's line, and its cells, without blanks around them.
    """

    source: str
    header: list[str]
    rows: list[tuple[int, list[str]]]

    def column(self, number: int) -> list[str]:
        """All cells of a column."""
        return [row[number] for _, row in self.rows]


def read_table(path: Path, known: Collection[str] = ()) -> Table:
    """Read a table.

    Args:
        path: CSV (also tab-separated, or with `;` or `|`) or Parquet, by suffix.
        known: Names of columns, in lower case, that tell one delimiter from another.

    Raises:
        DataError: Not a table; a row is longer or shorter than the header.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path)
    text = _text_of(path)
    start, delimiter = 0, ""
    first = text.split("\n", 1)[0].strip()
    if first.lower().startswith("sep=") and len(first) == 5:  # Excel's
        start, delimiter = 1, first[4]
        text = text.partition("\n")[2]
    delimiter = delimiter or _delimiter(text, known, path.suffix.lower())
    try:
        return _csv(text, delimiter, path, start)
    except csv.Error as error:
        raise DataError(f"{path}: no CSV ({error})") from None


def cell_of(value: Any) -> str:
    """A value as a cell of a CSV file; the items of a list are joined."""
    if isinstance(value, list):
        return ITEM_SEPARATOR.join(map(cell_of, value))
    return "" if value is None else str(value)


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: no CSV in UTF-8 (byte 0x{content[error.start]:02x}); save it as UTF-8"
        ) from None
    if "\0" in text[:1000]:
        raise DataError(f"{path}: no CSV in UTF-8 (UTF-16 without a mark?); save it as UTF-8")
    return text


def _delimiter(text: str, known: Collection[str], suffix: str) -> str:
    """The delimiter that splits the first line into known names, or else into most parts."""
    usual = "\t" if suffix == ".tsv" else ","

    def fit(delimiter: str) -> tuple[int, int, bool]:
        names = [name.strip().lower() for name in _first_row(text, delimiter)]
        return sum(name in known for name in names), len(names), delimiter == usual

    return max(_DELIMITERS, key=fit)


def _first_row(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _csv(text: str, delimiter: str, path: Path, start: int) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    while header and not header[-1]:
        header.pop()  # a delimiter at the end of each line
    rows = []
    for row in reader:
        line = reader.line_num + start
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if any(cells[len(header) :]) or len(cells) < len(header):
            other = [name for name in _DELIMITERS if name != delimiter and name in "".join(row)]
            hint = (
                f"; is it separated by {_DELIMITERS[other[0]]}?"
                if len(header) == 1 and other
                else ""
            )
            raise DataError(f"{path}:{line}: {len(row)} values under {len(header)} columns{hint}")
        rows.append((line, cells[: len(header)]))
    return Table(str(path), header, rows)


def _parquet(path: Path) -> Table:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        raise UsageError(
            f"{path}: reading Parquet needs pyarrow: pip install 'onestop-vision[parquet]'"
        ) from None
    try:
        table = parquet.read_table(path)
    except (ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: no Parquet file ({str(error).splitlines()[0]})") from None
    cells = [[cell_of(value).strip(" \t\r\n") for value in c.to_pylist()] for c in table.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    header = [str(name).strip() for name in table.column_names]
    return Table(str(path), header, list(enumerate(rows, start=1)))


def shown(names: Collection[str]) -> str:
    """Names of columns as a message shows them."""
    return listing(names) if names else "nothing"
