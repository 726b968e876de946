"""A grid of images with titles: samples with their labels, predictions beside the truth.

Legend: N images, H height, W width, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onestop.figures.style import BAD, GOOD, new_figure, shortened

COLUMNS = 8
"""Images side by side."""
_LINE = 12.5  # characters of a title that find room above an inch of image


def guess_title(
    label: str, score: float | None, truth: str | None = None
) -> tuple[str, bool | None]:
    """The title of an image of which something was said, and whether that is right.

    Args:
        label: What was said.
        score: How likely; None where it is a number that was predicted.
        truth: What it is; None where nobody knows.
    """
    said = label if score is None else f"{label} {score:.0%}"
    if truth is None:
        return said, None
    right = label == truth
    return (said if right else f"{said}\n(is {truth})"), right


def image_grid(
    images: Sequence[NDArray[np.generic] | None],
    titles: Sequence[str],
    right: Sequence[bool | None] | None = None,
    columns: int = COLUMNS,
    side: float = 1.6,
    heading: str = "",
) -> Figure:
    """Images in rows, each with its title above.

    Args:
        images: N of [H, W, C], uint8 or 0..1; None where one could not be read.
        titles: N texts, of one or several lines.
        right: Titles are green where True, red where False, black where None.
        columns: Images side by side, at most.
        side: Inches of an image.
        heading: Above all of them.
    """
    columns = max(1, min(columns, len(images)))
    rows = math.ceil(len(images) / columns)
    lines = max((title.count("\n") + 1 for title in titles), default=1)
    figure = new_figure(side * columns, (side + 0.17 * lines - 0.05) * rows + 0.3 * bool(heading))
    if heading:
        figure.suptitle(heading, fontsize=11, parse_math=False)
    colors = {True: GOOD, False: BAD, None: "black"}
    for place, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.set_axis_off()
        if image is None:
            axes.text(0.5, 0.5, "unreadable", ha="center", va="center", fontsize=8)
        else:
            grey = image.ndim == 3 and image.shape[-1] == 1
            top = 255 if image.dtype == np.uint8 else 1
            axes.imshow(image[..., 0] if grey else image, cmap="gray", vmin=0, vmax=top)
        text = "\n".join(shortened(line, round(_LINE * side)) for line in title.split("\n"))
        color = colors[right[place] if right else None]
        axes.set_title(text, fontsize=8, color=color, parse_math=False)
    return figure
