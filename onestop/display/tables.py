"""Tables, lines and JSON on standard output, safe for any content."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from onestop.errors import one_line
from onestop.runtime.json_text import json_text

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
        print_line(f"... and {len(rows) - _ROWS} more rows (--json has all)")


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
    grid = _Grid(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False)
    for column in columns:
        right = column in (*_NUMBERS, *SHARES)
        grid.add_column(one_line(column), justify="right" if right else "left", overflow="fold")
    return grid


class _Grid(Table):
    """A table whose cells hold nothing that a terminal acts upon; its own colours do."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(one_line(c) if isinstance(c, str) else c for c in cells), **options)


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal; in a pipe wide enough not to break rows."""
    # A pipe has no width.
    wide = 200 if sys.stdout is None or not sys.stdout.isatty() else None
    console = Console(width=wide, markup=False, highlight=False, emoji=False)
    with console.capture() as text:
        console.print(table)
    print("\n".join(line.rstrip() for line in text.get().splitlines()))


def print_line(text: object = "") -> None:
    """Print one line: everything that is printed for people goes through here."""
    print(one_line(text))


def print_path(path: Path) -> None:
    """Print a path on its own line: exactly into a pipe, where a script takes it from."""
    exact = sys.stdout is not None and not sys.stdout.isatty()
    print(path if exact else one_line(path))


def print_aside(line: str) -> None:
    """Print to standard error, so that a pipe holds nothing but results."""
    print(one_line(line), file=sys.stderr)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print JSON; letters are escaped only where the output cannot hold them."""
    print(json_text(value, indent=indent, ascii_only=not is_unicode()))


def print_csv(text: str) -> None:
    """Print rows of CSV: as they are into a pipe, and without what would control a terminal on one."""
    if sys.stdout is not None and sys.stdout.isatty():
        for line in text.removesuffix("\n").split("\n"):
            print_line(line)
    else:
        print(text, end="")


def is_unicode() -> bool:
    """Whether standard output can hold every letter."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return encoding.lower().replace("_", "-").startswith("utf")
