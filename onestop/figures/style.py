"""Shared figure style: a colour-blind-safe palette, axes, and tick labels.

The colours are those of Okabe and Ito 2008 (https://jfly.uni-koeln.de/color/). Figures are made without
pyplot, so there is no global state and no window can open.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#7f7f7f"
COLORS = (BLUE, ORANGE, GREEN, RED, "#cc79a7", "#56b4e9", GREY)
"""Line colours of several curves."""
GOOD, BAD = "#00734f", "#c03c00"
"""Title colours of correct and wrong predictions, dark enough to be read on white."""
_SMALL = 9


class ShownFigure(Figure):
    """A figure that a notebook displays by itself; others are only displayed if pyplot made them."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with warnings.catch_warnings():  # about glyphs that the font lacks; they are drawn as boxes
            warnings.simplefilter("ignore", UserWarning)
            self.savefig(file, format="png", dpi=100)
        return file.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; sizes in inches."""
    return ShownFigure(figsize=(width, height), layout="constrained")


def plain(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Give axes a title and labels, taken literally, and a minimal frame."""
    axes.set_title(title, fontsize=_SMALL + 1, loc="left", parse_math=False)
    axes.set_xlabel(x, fontsize=_SMALL)
    axes.set_ylabel(y, fontsize=_SMALL)
    axes.tick_params(labelsize=_SMALL - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)


def shortened(text: str, most: int = 24) -> str:
    """Text on one line, shortened in the middle to at most `most` characters."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    if len(line) <= most:
        return line
    return f"{line[: (most - 1) // 2]}…{line[-(most // 2) :]}"


def tick_names(names: Sequence[str], most: int = 18) -> list[str]:
    """Tick labels, with dollar signs escaped so that they are not parsed as formulas."""
    return [shortened(name, most).replace("$", r"\$") for name in names]
