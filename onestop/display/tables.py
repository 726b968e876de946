"""Tables, lines and JSON on standard output, safe for any content."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

SHARES = ("ap", "precision", "recall", "f1", "threshold")
"""Columns that are shown as percentages."""
_NUMBERS = (
    "images", "megabytes", "parameters", "multiply-adds", "multiply_adds", "train", "val", "test",
    "channels", "pixels", "at least",
)  # fmt: skip
_ROWS = 30  # rows of a long table that are shown; JSON has all


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table with the columns of the first row; at most thirty of them.

    Cells that are missing or None are empty.
    """
    grid = table(*rows[0])
    for row in rows[:_ROWS]:
        cells = ((c, "" if row.get(c) is None else row[c]) for c in rows[0])
        grid.add_row(*(f"{v:.1%}" if c in SHARES and v != "" else plain(v) for c, v in cells))
    print_table(grid)
    if len(rows) > _ROWS:
        print(f"... and {len(rows) - _ROWS} more rows (--json has all)")


def plain(value: Any) -> str:
    """A value for people: four digits, thousands separators, long lists cut short."""
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        texts = [plain(item) for item in value[:8]]
        more = [f"and {len(value) - 8} more"] if len(value) > 8 else []
        return (
            " ".join(texts + more) if all(len(t) < 12 for t in texts) else "; ".join(texts + more)
        )
    return (
        f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else one_line(value)
    )


def table(*columns: str) -> Table:
    """An empty table; columns of numbers are right-aligned."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False)
    for column in columns:
        right = column in (*_NUMBERS, *SHARES)
        grid.add_column(column, justify="right" if right else "left", overflow="fold")
    return grid


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal; in a pipe wide enough not to break rows."""
    # A pipe has no width.
    wide = 200 if sys.stdout is None or not sys.stdout.isatty() else None
    console = Console(width=wide, markup=False, highlight=False, emoji=False)
    with console.capture() as text:
        console.print(table)
    print("\n".join(line.rstrip() for line in text.get().splitlines()))


def one_line(value: object) -> str:
    """A value on one line: names of files and classes can hold any character."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def print_aside(line: str) -> None:
    """Print to standard error, so that a pipe holds nothing but results."""
    print(one_line(line), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print indented JSON, without escaping letters."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
