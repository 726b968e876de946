"""Figures as image files, SVG elements and HTML."""

from __future__ import annotations

import base64
import contextlib
import html
import importlib
import io
import os
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
"""File formats of figures, by suffix."""
_DATES = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def require_figures() -> None:
    """See that figures can be drawn at all, before any work is done for them.

    Raises:
        UsageError: matplotlib is not there, or refuses its settings.
    """
    try:
        importlib.import_module("matplotlib.figure")
    except Exception as error:  # it raises what its settings make it raise
        reason = next(iter(str(error).splitlines()), type(error).__name__).split("; supported")[0]
        backend = os.environ.get("MPLBACKEND")
        way = f"; MPLBACKEND is {backend!r}, unset it" if backend else ""
        raise UsageError(
            f"figures cannot be drawn: matplotlib cannot be imported ({reason[:120]}){way}"
        ) from None


def picture_file(flag: str, out: str | Path, *, overwrite: bool | None = None) -> Path:
    """The path to write a figure to, checked before any work is done.

    Args:
        flag: The flag that sets it.
        out: The path.
        overwrite: Whether an existing file may be replaced; None if the command has no --overwrite.

    Raises:
        UsageError: An unsupported format, a folder, an existing file, a missing parent folder, or no
            way to draw.
    """
    require_figures()
    picture = Path(out)
    if picture.suffix.lower() not in KINDS:
        raise UsageError(f"{flag} {out}: unsupported format; use one of {listing(KINDS)}")
    if picture.is_dir():
        raise UsageError(f"{flag} {out}: is a folder; name a file in it")
    if picture.exists() and not overwrite:
        option = "" if overwrite is None else ", or add --overwrite"
        raise UsageError(f"{flag} {out}: already exists; name another file{option}")
    if not picture.parent.is_dir():
        raise UsageError(f"{flag} {out}: folder {picture.parent} does not exist; create it first")
    return picture


def write_figure(figure: Figure, picture: Path) -> None:
    """Write a figure atomically to a path checked by `picture_file`."""
    write_atomic(picture, figure_bytes(figure, KINDS[picture.suffix.lower()]))


def figure_bytes(figure: Figure, kind: str = "png", dpi: int = 150) -> bytes:
    """A figure as a png, svg, pdf or jpg file; without a date, so the bytes are reproducible."""
    file = io.BytesIO()
    with _quiet():
        figure.savefig(file, format=kind, dpi=dpi, metadata=_DATES.get(kind))
    return file.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings about glyphs that the font lacks; they are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def to_svg(figure: Figure, name: str) -> str:
    """A figure as an `<svg>` element for an HTML page, in the page's text colour.

    Args:
        figure: Any figure.
        name: Unique within the page; prefixes all ids in the element.
    """
    import matplotlib as mpl

    file = io.StringIO()
    with _quiet(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Only inside tags: text in the figure may look like any of this.
    return re.sub(r"<[^>]+>", lambda tag: _for_a_page(tag[0], name), text)


def _for_a_page(tag: str, name: str) -> str:
    """An SVG tag with prefixed ids and the page's colour and font."""
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"font: (\d[\d.]*px) [^;\"]*", r"font: \1 inherit", tag)
    return tag.replace("#000000", "currentColor")


def svg(figure: Figure, name: str) -> str:
    """The same, limited to the width of the page."""
    return to_svg(figure, name).replace("<svg", '<svg style="max-width:100%;height:auto"', 1)


def figure_html(figure: Figure, about: str) -> str:
    """A figure as an HTML `<img>`; `about` is its alternative text."""
    picture = base64.b64encode(figure_bytes(figure, dpi=100)).decode()
    style = "max-width: 100%; height: auto"
    return f'<img alt="{html.escape(about)}" style="{style}" src="data:image/png;base64,{picture}">'
