"""Pictures side by side, each with some lines of text over it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

LINE, GAP, HEADING = 0.17, 0.1, 0.45  # inches


def save_grid(
    file: Path,
    heading: str,
    pictures: Sequence[NDArray[np.uint8]],
    titles: Sequence[str],
    *,
    wrong: Sequence[bool] = (),
    columns: int = 8,
    side: float = 1.5,
) -> None:
    """Save pictures [H, W, C] of any sizes as one PNG, the longer side of each `side` inches.

    Titles of those that are `wrong` are red, the others green where it is known.
    """
    rows = -(-len(pictures) // columns)
    text = LINE * (1 + titles[0].count("\n")) + GAP
    width, height = columns * (side + GAP), HEADING + rows * (side + text)
    figure = Figure(figsize=(width, height))
    figure.suptitle(heading, y=1 - 0.5 * HEADING / height, va="center")
    for number, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        row, column = divmod(number, columns)
        place = column * (side + GAP) + GAP / 2, (rows - row - 1) * (side + text) + GAP / 2
        box = (place[0] / width, place[1] / height, side / width, side / height)
        axes = figure.add_axes(box, anchor="S")
        axes.set_axis_off()
        axes.imshow(picture, cmap="gray")
        color = "black" if not wrong else "red" if wrong[number] else "green"
        axes.set_title(title, fontsize=9, color=color, parse_math=False)
    figure.savefig(file, dpi=110)
