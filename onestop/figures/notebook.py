"""How results show themselves in a notebook: small tables and figures as HTML, all text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHARES = ("accuracy", "top5", "macro_f1")
_FIGURES = (*_SHARES, "loss", "rmse", "mae", "r2")


def heading(text: object) -> str:
    """A line above the rest."""
    return f"<p><strong>{escape(str(text))}</strong></p>"


def table(rows: Iterable[tuple[object, object]]) -> str:
    """Rows of a name and a value each."""
    cells = (
        f'<tr><th scope="row" style="text-align:left">{escape(str(name))}</th>'
        f'<td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table>{''.join(cells)}</table>"


def figures(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a split in words."""
    rows = [
        (name, f"{metrics[name]:.2%}" if name in _SHARES else f"{metrics[name]:.4g}")
        for name in _FIGURES
        if name in metrics
    ]
    return [*rows, (f"{metrics.get('split', '')} images", f"{metrics.get('images', 0):,}")]


def picture(pixels: NDArray[Any], about: str) -> str:
    """A small picture; `about` is what it shows."""
    from onestop.figures.thumbnail import data_uri

    return f'<img alt="{escape(about)}" src="{data_uri(pixels)}">'
