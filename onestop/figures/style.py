"""What all figures share: colours that colour-blind people tell apart, and how they become files.

The colours are those of Okabe and Ito 2008 (https://jfly.uni-koeln.de/color/). Figures are made without
pyplot, so that nothing is kept and no window can open.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#7f7f7f"
COLORS = (BLUE, ORANGE, GREEN, RED, "#cc79a7", "#56b4e9", GREY)
"""Of curves beside each other."""
GOOD, BAD = "#00734f", "#c03c00"
"""Of titles: right and wrong, dark enough to be read on white."""
_SMALL = 9


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def plain(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Give axes a title and labels, taken as they are, and no more frame than is needed."""
    axes.set_title(title, fontsize=_SMALL + 1, loc="left", parse_math=False)
    axes.set_xlabel(x, fontsize=_SMALL)
    axes.set_ylabel(y, fontsize=_SMALL)
    axes.tick_params(labelsize=_SMALL - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)


def shortened(text: str, most: int = 24) -> str:
    """Text on one line, its middle left out where it is longer than so many characters."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    if len(line) <= most:
        return line
    return f"{line[: (most - 1) // 2]}…{line[-(most // 2) :]}"


def tick_names(names: Sequence[str], most: int = 18) -> list[str]:
    """Names for an axis; dollar signs are no formulas."""
    return [shortened(name, most).replace("$", r"\$") for name in names]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No word of letters that the font lacks (Chinese names, say): a page has others to show them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def to_png(figure: Figure, dpi: int = 110) -> bytes:
    """A figure as the bytes of a PNG file, without date or version, so that it is always the same."""
    file = io.BytesIO()
    with _quiet():
        figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def to_svg(figure: Figure, name: str) -> str:
    """A figure as an `<svg>` element to stand in a page, in the page's own colour of text.

    Args:
        figure: Any figure.
        name: Told apart from the names of other figures of the page; put before all that the element
            names inside.
    """
    file = io.StringIO()
    with _quiet(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: (\d[\d.]*px) [^;\"]*", r"font: \1 inherit", text)
    return text.replace("#000000", "currentColor")
