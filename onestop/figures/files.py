"""A figure as what others can show: the bytes of a file, or a piece of a page."""

from __future__ import annotations

import base64
import html
import io
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("png", "svg", "pdf", "jpg")
"""Kinds of files a figure can be kept in."""
_DATES = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def figure_bytes(figure: Figure, kind: str = "png", dpi: int = 150) -> bytes:
    """A figure as a file of one of the `KINDS`, without the date, so that the same gives the same."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Names may be in letters that the font lacks; these are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(file, format=kind, dpi=dpi, metadata=_DATES.get(kind))
    return file.getvalue()


def figure_html(figure: Figure, about: str) -> str:
    """A figure as an image within a page of HTML; `about` is what it shows, in words."""
    picture = base64.b64encode(figure_bytes(figure, dpi=100)).decode()
    style = "max-width: 100%; height: auto"
    return f'<img alt="{html.escape(about)}" style="{style}" src="data:image/png;base64,{picture}">'
