"""The matrix of classes, read back from its squares."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from onestop.figures.confusion import confusion_figure
from onestop.figures.files import figure_bytes


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_every_count_stands_in_its_square() -> None:
    figure = confusion_figure(np.array([[5, 1], [0, 1234]]), ["a_$b$", "c"])
    found = {t.get_position(): t.get_text() for t in figure.axes[0].texts}
    assert found == {(0, 0): "5", (1, 0): "1", (1, 1): "1,234"}
    assert figure_bytes(figure)[:4] == b"\x89PNG"


@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
def test_it_can_be_read_at_any_number_of_classes(classes: int) -> None:
    matrix = np.diag(np.full(classes, 9))
    matrix[0, classes - 1] = 7
    figure = confusion_figure(matrix, [f"class {k}" for k in range(classes)])
    width, height = figure.get_size_inches()
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert len(names) <= 20
    assert {"class 0", f"class {classes - 1}"} <= set(names)
    assert max(width, height) < 12
    assert "7" in texts(figure)
