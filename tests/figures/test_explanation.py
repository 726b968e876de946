"""The sheet of heat maps: what is on it, whatever the images and their names are like."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onestop.figures.explanation import Row, explanation_sheet, overlay
from onestop.figures.files import figure_bytes


def row(channels: int = 3, size: tuple[int, int] = (8, 12), **changes: str) -> Row:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
    heat = rng.random(size, dtype=np.float32)
    return Row(pixels, heat, **{"title": "predicted ants 90.0%", "name": "a.jpg", **changes})


def images(figure: Figure) -> list[NDArray[np.generic]]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title("left") for axes in figure.axes if axes.get_title("left")]


def test_image_heat_map_and_overlay_stand_side_by_side() -> None:
    one = row()
    figure = explanation_sheet([one], "Grad-CAM")
    found = images(figure)
    assert len(found) == 3
    assert np.array_equal(found[0], one.pixels)
    assert np.array_equal(found[1], one.heat)
    assert np.array_equal(found[2], overlay(one.pixels, one.heat))
    places = [axes.get_position() for axes in figure.axes[:3]]
    assert places[0].x1 < places[1].x0
    assert places[1].x1 < places[2].x0
    assert len({place.y0 for place in places}) == 1
    assert titles(figure) == ["predicted ants 90.0%\na.jpg"]
    assert figure.texts[0].get_text() == "Grad-CAM"


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_all_images_have_a_place_of_their_own(count: int) -> None:
    rows = [row(name=f"{number}.jpg", size=(2, 3)) for number in range(count)]
    figure = explanation_sheet(rows, "occlusion")
    assert [title.split("\n")[1] for title in titles(figure)] == [r.name for r in rows]
    boxes = [axes.get_position() for axes in figure.axes if axes.images]
    assert len({(box.x0, box.y0) for box in boxes}) == 3 * count
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    shapes = {(round(b.width * figure.get_figwidth(), 3), round(b.height * figure.get_figheight(), 3))
              for b in boxes}  # fmt: skip
    assert shapes == {(1.75, round(1.75 * 2 / 3, 3))}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_number_of_channels_is_drawn(channels: int) -> None:
    figure = explanation_sheet([row(channels)], "Grad-CAM")
    assert images(figure)[0].shape == ((8, 12) if channels == 1 else (8, 12, 3))
    assert figure_bytes(figure, dpi=20)


def test_names_are_not_taken_for_formulas_and_stay_on_a_line() -> None:
    odd = row(title="predicted $x_1 100%", name="/" + "long/" * 40 + "a\nb$\\frac.jpg")
    figure = explanation_sheet([odd], "at layer $\\odd{")
    (title,) = titles(figure)
    first, second = title.split("\n")
    assert first == "predicted $x_1 100%"
    assert second.endswith("a?b$\\frac.jpg")
    assert second.startswith("…")
    assert len(second) <= 62
    assert figure_bytes(figure, dpi=20)


def test_a_map_of_zeros_says_so() -> None:
    dark = Row(np.zeros((8, 8, 1), np.uint8), np.zeros((8, 8), np.float32), "", "")
    texts = [text.get_text() for text in explanation_sheet([dark], "").axes[1].texts]
    assert texts == ["no positive evidence"]


def test_the_overlay_leaves_cold_places_as_they_are() -> None:
    pixels = np.full((2, 2, 3), (10, 20, 30), np.uint8)
    heat = np.array([[0, 0], [0, 1]], np.float32)
    mixed = overlay(pixels, heat)
    assert mixed.dtype == np.uint8
    assert mixed.shape == (2, 2, 3)
    assert (mixed[0] == 20).all()
    assert (mixed[1, 1] > 100).all()


def test_no_window_system_is_touched() -> None:
    explanation_sheet([row()], "Grad-CAM")
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )
