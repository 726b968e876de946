"""Explanation figures: images, their heat maps, and overlays of both.

Legend: h and w height and width of an image, C channels (1, 3 or 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onestop.figures.style import ShownFigure, shortened

Pixels: TypeAlias = NDArray[np.uint8]

_COLORS = "inferno"  # monotonic in brightness, so suitable for the colour-blind and for print
_COVER = 0.8
"""Opacity of the overlay at the maximum of the heat map."""
_TILE, _GAP, _BETWEEN, _MARGIN = 1.75, 0.06, 0.4, 0.25  # inches
_HEAD, _TITLE, _FOOT = 0.42, 0.5, 0.7
_SMALL = 64
"""Side in pixels below which images are shown without interpolation."""
_LETTERS = 62
"""Maximum characters of a line above an image; longer ones would reach the next image."""


@dataclass(frozen=True)
class Row:
    """An image and its heat map.

    Attributes:
        pixels: uint8 [h, w, C], as the network sees them.
        heat: [h, w], 0 to 1.
        title: The prediction as text.
        name: Name of the image.
    """

    pixels: Pixels
    heat: NDArray[np.float32]
    title: str
    name: str


def explanation_sheet(rows: Sequence[Row], head: str) -> Figure:
    """Draw one row per image: image, heat map, overlay; in two columns from four images on.

    Args:
        rows: At least one.
        head: The heading, which names the method.
    """
    columns = 1 if len(rows) < 4 else 2
    lines = -(-len(rows) // columns)
    height, width = rows[0].heat.shape
    tile = (_TILE, _TILE * min(3.0, height / width))
    block = 3 * tile[0] + 2 * _GAP
    size = (
        2 * _MARGIN + columns * block + (columns - 1) * _BETWEEN,
        _HEAD + lines * (_TITLE + tile[1]) + _FOOT,
    )
    figure = ShownFigure(figsize=size)
    for place, row in enumerate(rows):
        column, line = divmod(place, lines)
        left = _MARGIN + column * (block + _BETWEEN)
        bottom = size[1] - _HEAD - (line + 1) * (_TITLE + tile[1])
        axes = [
            figure.add_axes(
                (
                    (left + number * (tile[0] + _GAP)) / size[0],
                    bottom / size[1],
                    tile[0] / size[0],
                    tile[1] / size[1],
                )
            )
            for number in range(3)
        ]
        _draw_row(axes, row)
    _draw_head(figure, head)
    _draw_legend(figure)
    return figure


def overlay(pixels: Pixels, heat: NDArray[np.float32]) -> Pixels:
    """A grey image with its heat map in colour on top, uint8 [h, w, 3].

    Args:
        pixels: uint8 [h, w, C].
        heat: [h, w], from 0 (transparent) to 1.
    """
    grey = pixels[..., :3].mean(-1, keepdims=True) / 255
    colors = mpl.colormaps[_COLORS](heat)[..., :3]
    cover = _COVER * heat[..., None]
    mixed = 255 * (grey * (1 - cover) + colors * cover)
    return np.asarray(mixed.round(), dtype=np.uint8)


def _draw_row(axes: Sequence[Axes], row: Row) -> None:
    interpolation = "nearest" if min(row.heat.shape) < _SMALL else "antialiased"
    pixels = row.pixels[..., 0] if row.pixels.shape[-1] == 1 else row.pixels[..., :3]
    axes[0].imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation=interpolation)
    axes[1].imshow(row.heat, cmap=_COLORS, vmin=0, vmax=1)
    axes[2].imshow(overlay(row.pixels, row.heat), interpolation=interpolation)
    if not row.heat.any():
        text = axes[1].text(0.5, 0.5, "no positive evidence", color="white", fontsize=8)
        text.set(ha="center", va="center", transform=axes[1].transAxes)
    for panel in axes:
        panel.set_axis_off()
    name = row.name if len(row.name) <= _LETTERS else f"…{row.name[1 - _LETTERS :]}"
    lines = shortened(row.title, _LETTERS), shortened(name, _LETTERS)
    axes[0].set_title("\n".join(lines), loc="left", fontsize=9, parse_math=False)


def _draw_head(figure: Figure, head: str) -> None:
    width, height = figure.get_size_inches()
    text = figure.text(_MARGIN / width, 1 - 0.15 / height, shortened(head, round(12 * width)))
    text.set(ha="left", va="top", fontsize=10, fontweight="bold", parse_math=False)


def _draw_legend(figure: Figure) -> None:
    width, height = figure.get_size_inches()
    axes = figure.add_axes((_MARGIN / width, 0.36 / height, 2.4 / width, 0.09 / height))
    bar = figure.colorbar(ScalarMappable(cmap=_COLORS), cax=axes, orientation="horizontal")
    bar.set_ticks([0, 0.5, 1])
    bar.ax.tick_params(labelsize=7, length=2)
    text = "evidence for the class\n(1: the strongest in that image)"
    axes.text(1.06, 0.5, text, transform=axes.transAxes, va="center", fontsize=7.5)
