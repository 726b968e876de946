"""Notebook display of results: small tables and figures as HTML, with all text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from onestop.metrics.spec import Metric


def heading(text: object) -> str:
    """A heading."""
    return f"<p><strong>{escape(str(text))}</strong></p>"


def table(rows: Iterable[tuple[object, object]]) -> str:
    """A table of names and values."""
    cells = (
        f'<tr><th scope="row" style="text-align:left">{escape(str(name))}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table>{''.join(cells)}</table>"


def columns_table(rows: Sequence[Mapping[str, object]], most: int = 40) -> str:
    """Rows with the columns of the first one; at most so many of them."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(row.get(name)))}</td>" for name in rows[0]) + "</tr>"
        for row in rows[:most]
    )
    more = heading(f"and {len(rows) - most:,} more") if len(rows) > most else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metric_rows(values: Mapping[str, Any], metrics: Sequence[Metric]) -> list[tuple[str, str]]:
    """The metrics of a split as rows of a table, and its number of images."""
    rows = [(m.title, m.text(values[m.name])) for m in metrics if m.name in values]
    return [*rows, (f"{values.get('split', '')} images", f"{values.get('images', 0):,}")]


def picture(pixels: NDArray[Any], about: str) -> str:
    """A thumbnail; `about` is its alternative text."""
    from onestop.figures.thumbnail import data_uri

    return f'<img alt="{escape(about)}" src="{data_uri(pixels)}">'
