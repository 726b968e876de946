"""A figure as what others can show: the bytes of a file, or a piece of a page."""

from __future__ import annotations

import base64
import contextlib
import html
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from onestop.errors import UsageError
from onestop.runtime.files import write_atomic
from onestop.text import listing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {".png": "png", ".svg": "svg", ".pdf": "pdf", ".jpg": "jpg", ".jpeg": "jpg"}
"""Kinds of files a figure can be kept in, by how their names end."""
_DATES = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def picture_file(flag: str, out: str | Path, *, overwrite: bool | None = None) -> Path:
    """The file to write a figure to; refused before any work is done.

    Args:
        flag: The argument that names it.
        out: The file.
        overwrite: Whether one that is there may go; None where nobody can say so.

    Raises:
        UsageError: No kind of picture, a folder, in no folder, or there already.
    """
    picture = Path(out)
    if picture.suffix.lower() not in KINDS:
        raise UsageError(f"{flag} {out}: no kind of picture; end its name in {listing(KINDS)}")
    if picture.is_dir():
        raise UsageError(f"{flag} {out}: is a folder; name a file in it")
    if picture.exists() and not overwrite:
        way = "" if overwrite is None else ", or add --overwrite"
        raise UsageError(f"{flag} {out}: is there already; name another{way}")
    if not picture.parent.is_dir():
        raise UsageError(f"{flag} {out}: there is no folder {picture.parent}; make it first")
    return picture


def write_figure(figure: Figure, picture: Path) -> None:
    """Write a figure to a file that `picture_file` found good, whole or not at all."""
    write_atomic(picture, figure_bytes(figure, KINDS[picture.suffix.lower()]))


def figure_bytes(figure: Figure, kind: str = "png", dpi: int = 150) -> bytes:
    """A figure as a file of a kind (png, svg, pdf, jpg); without a date, so always the same."""
    file = io.BytesIO()
    with _quiet():
        figure.savefig(file, format=kind, dpi=dpi, metadata=_DATES.get(kind))
    return file.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No word of letters that the font lacks (Chinese names, say), which are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def to_svg(figure: Figure, name: str) -> str:
    """A figure as an `<svg>` element to stand in a page, in the page's own colour of text.

    Args:
        figure: Any figure.
        name: Told apart from the names of other figures of the page; put before all that the element
            names inside.
    """
    import matplotlib as mpl

    file = io.StringIO()
    with _quiet(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Tags alone: a name that is drawn may look like any of this.
    return re.sub(r"<[^>]+>", lambda tag: _for_a_page(tag[0], name), text)


def _for_a_page(tag: str, name: str) -> str:
    """A tag of an SVG with names of its own, and with the page's colour and letters."""
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"font: (\d[\d.]*px) [^;\"]*", r"font: \1 inherit", tag)
    return tag.replace("#000000", "currentColor")


def svg(figure: Figure, name: str) -> str:
    """The same, no wider than the page."""
    return to_svg(figure, name).replace("<svg", '<svg style="max-width:100%;height:auto"', 1)


def figure_html(figure: Figure, about: str) -> str:
    """A figure as an image within a page of HTML; `about` is what it shows, in words."""
    picture = base64.b64encode(figure_bytes(figure, dpi=100)).decode()
    style = "max-width: 100%; height: auto"
    return f'<img alt="{html.escape(about)}" style="{style}" src="data:image/png;base64,{picture}">'
