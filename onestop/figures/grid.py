"""Image grids: samples with their labels, or predictions with the true labels.

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
"""Images per row."""
_LINE = 12.5  # characters of a title per inch of image width


def prediction_title(
    label: str, score: float | None, truth: str | None = None
) -> tuple[str, bool | None]:
    """The title of an image with its prediction, and whether that is correct.

    Args:
        label: The prediction.
        score: Its probability; None for a predicted number.
        truth: The true label; None if it is unknown.
    """
    title = label if score is None else f"{label} {score:.0%}"
    if truth is None:
        return title, None
    right = label == truth
    return (title if right else f"{title}\n(is {truth})"), right


def image_grid(
    images: Sequence[NDArray[np.generic] | None],
    titles: Sequence[str],
    right: Sequence[bool | None] | None = None,
    columns: int = COLUMNS,
    side: float = 1.6,
    heading: str = "",
) -> Figure:
    """Images in rows, with their titles above.

    Args:
        images: N images [H, W, C], uint8 or 0..1; None for an unreadable one.
        titles: N texts of one or several lines.
        right: The colour of each title: green if True, red if False, black if None.
        columns: Maximum images per row.
        side: Size of an image in inches.
        heading: Title of the figure.
    """
    columns = max(1, min(columns, len(images)))
    rows = math.ceil(len(images) / columns)
    lines = max((title.count("\n") + 1 for title in titles), default=1)
    figure = new_figure(side * columns, (side + 0.17 * lines - 0.03) * rows + 0.3 * bool(heading))
    if heading:
        figure.suptitle(heading, fontsize=11, parse_math=False)
    colors = {True: GOOD, False: BAD, None: "black"}
    for place, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.set_anchor("S")  # leave the space above, for titles of several lines
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
