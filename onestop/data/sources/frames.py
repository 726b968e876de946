"""Tables and columns in memory: DataFrames of pandas and polars, tables of pyarrow.

None of these libraries is imported: they are known by what they offer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Number
from typing import Any

from onestop.data.sources.columns import PATH_NAMES
from onestop.data.sources.options import Options
from onestop.data.sources.table_file import ITEM_SEPARATOR, Table
from onestop.errors import UsageError
from onestop.text import listing


def is_frame(value: Any) -> bool:
    """Whether it is a table with named columns in memory."""
    if isinstance(value, type) or hasattr(value, "dtype") or hasattr(value, "features"):
        return False
    arrow = hasattr(value, "column_names") and hasattr(value, "to_pydict")
    return arrow or (hasattr(value, "columns") and hasattr(value, "shape"))


def values_of(column: Any) -> list[Any] | None:
    """The values of a single column (a Series, an array of pyarrow); None if it is not one."""
    if isinstance(column, type) or is_frame(column) or hasattr(column, "features"):
        return None
    for method in ("to_pylist", "to_list"):
        if callable(getattr(column, method, None)):
            return list(getattr(column, method)())
    return None


def columns_of(frame: Any) -> tuple[list[str], list[list[Any]]]:
    """The names of a table's columns, and the values of each."""
    if hasattr(frame, "to_pydict"):
        return [str(name) for name in frame.column_names], [c.to_pylist() for c in frame.columns]
    names = [str(name) for name in frame.columns]
    if hasattr(frame, "iloc"):  # pandas, where two columns may have one name
        return names, [frame.iloc[:, k].tolist() for k in range(len(names))]
    return names, [frame[name].to_list() for name in frame.columns]


def table_of(frame: Any, source: str, options: Options) -> Table:
    """A table in memory as one that was read from a file: its cells as text, each row with its number.

    Args:
        frame: A DataFrame, or a table of pyarrow.
        source: What it is called in messages.
        options: Which column holds the images, where names do not say so.

    Raises:
        UsageError: The column of images holds images rather than paths.
    """
    names, columns = columns_of(frame)
    for name, values in zip(names, columns, strict=True):
        if name == options.path_column or name.strip().lower() in PATH_NAMES:
            _require_paths(name, values)
    cells = [[_text(value) for value in values] for values in columns]
    rows = list(enumerate(map(list, zip(*cells, strict=True)), start=1))
    return Table(source, [name.strip() for name in names], rows)


def path_column(frame: Any) -> Any:
    """The column of paths of a table; None if it is not a table.

    Raises:
        UsageError: It has no such column, or several.
    """
    if not is_frame(frame):
        return None
    names, columns = columns_of(frame)
    matching = [k for k, name in enumerate(names) if name.strip().lower() in PATH_NAMES]
    if len(matching) != 1:
        raise UsageError(
            f"table with the columns {listing(names)}: one must hold the images and be called "
            f"{listing(PATH_NAMES)}; or pass that column alone"
        )
    return columns[matching[0]]


def _require_paths(name: str, values: Sequence[Any]) -> None:
    for number, value in enumerate(values):
        missing = value is None or value != value  # noqa: PLR0124 - NaN
        if not missing and not isinstance(value, str | os.PathLike | Number):
            kind = type(value).__name__
            raise UsageError(
                f"column {name!r}, row {number + 1}: holds {kind}, not a path; pass the columns "
                "themselves: (list of images, list of labels)"
            )


def _text(value: Any) -> str:
    """A value as a cell of a table in a file; empty if it is missing."""
    if isinstance(value, list | tuple):
        return ITEM_SEPARATOR.join(map(_text, value))
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
        return ITEM_SEPARATOR.join(map(_text, value.tolist()))
    if value is None or str(value) in ("<NA>", "NaT") or value != value:  # noqa: PLR0124
        return ""
    return str(value).strip()
