"""Images side by side under their titles."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from onestop.figures.files import figure_bytes
from onestop.figures.grid import image_grid, prediction_title
from onestop.figures.style import BAD, GOOD


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_titles_are_green_red_or_black() -> None:
    images = [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 1), np.uint8), None]
    said = [
        prediction_title("ant", 0.876, "ant"),
        prediction_title("$b", 0.5, "ant"),
        prediction_title("3", None),
    ]
    titles, right = zip(*said, strict=True)
    figure = image_grid(images, titles, right)
    found = [(axes.get_title(), to_hex(axes.title.get_color())) for axes in figure.axes]
    assert found == [("ant 88%", GOOD), ("$b 50%\n(is ant)", BAD), ("3", "#000000")]
    assert "unreadable" in texts(figure)
    assert figure_bytes(figure)[:4] == b"\x89PNG"


def test_grey_levels_are_not_stretched() -> None:
    figure = image_grid([np.full((4, 4, 1), 100, np.uint8), np.full((4, 4, 3), 0.5)], ["a", "b"])
    assert figure.axes[0].images[0].get_clim() == (0, 255)
    assert figure.axes[1].images[0].get_clim() == (0, 1)
