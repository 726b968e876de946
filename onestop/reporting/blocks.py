"""Building blocks of a page: sections of text, tables, plots and pictures; page.html renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onestop.figures.files import to_svg
from onestop.figures.style import shortened
from onestop.figures.thumbnail import TINY, data_uri

_LINE = 44  # characters per line below a picture

Tone = Literal["", "good", "bad"]


@dataclass(frozen=True)
class Text:
    """A sentence, a warning, or text to be copied."""

    text: str
    look: Literal["plain", "lead", "warning", "code"] = "plain"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Share:
    """A table cell: a fraction with its interval, all in [0, 1], also drawn as a bar."""

    at: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.at:.1%}"

    @property
    def interval(self) -> str:
        """Both ends, in words."""
        return f"{self.low:.0%} to {self.high:.0%}"


@dataclass(frozen=True)
class Table:
    """A table; rows after the first `unfolded` are collapsed."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Share]]
    caption: str
    unfolded: int = 30
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Plot:
    """A figure with its width in pixels, and a description in words."""

    svg: str
    width: int
    alt: str
    caption: str = ""
    kind: ClassVar[str] = "plot"


@dataclass(frozen=True)
class Tile:
    """A small picture with lines and its name below it; `overlay` is the picture with a heat map."""

    name: str
    image: str
    alt: str
    lines: Sequence[str]
    tone: Tone = ""
    overlay: str = ""
    pixelated: bool = False

    @property
    def short_name(self) -> str:
        """The file name, on one short line."""
        return shortened(PurePath(self.name).name, 22)


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side."""

    tiles: Sequence[Tile]
    title: str = ""
    kind: ClassVar[str] = "gallery"


Block: TypeAlias = Text | Table | Plot | Gallery


@dataclass(frozen=True)
class Section:
    """A section of a page; `key` is its anchor."""

    key: str
    title: str
    blocks: Sequence[Block]


def plot(figure: Figure, name: str, alt: str, caption: str = "") -> Plot:
    """A figure for a page; `name` is unique within the page."""
    return Plot(to_svg(figure, name), round(96 * figure.get_figwidth()), alt, caption)


def tile(
    name: str,
    pixels: NDArray[np.uint8] | None,
    alt: str,
    lines: Sequence[str],
    tone: Tone = "",
    overlay: NDArray[np.uint8] | None = None,
) -> Tile:
    """A picture [H, W, C] for a page; None if it cannot be read. Long lines are cut."""
    lines = [shortened(line, _LINE) for line in lines]
    if pixels is None:
        return Tile(name, "", f"{alt} (cannot be read)", lines, tone)
    tiny = max(pixels.shape[:2]) <= TINY
    overlaid = "" if overlay is None else data_uri(overlay)
    return Tile(name, data_uri(pixels), alt, lines, tone, overlaid, tiny)
