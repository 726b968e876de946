"""What all figures share: names on one line, axes without ornament."""

from __future__ import annotations

import pytest

from onestop.figures.style import BAD, COLORS, GOOD, new_figure, plain, shortened, tick_names


@pytest.mark.parametrize(
    ("text", "short"),
    [("ant", "ant"), ("a" * 30, "a" * 11 + "…" + "a" * 12), ("a\nb\x00", "a?b?")],
)
def test_long_and_odd_names_stay_on_a_line(text: str, short: str) -> None:
    assert shortened(text) == short


def test_names_on_an_axis_are_no_formulas_and_short() -> None:
    assert tick_names(["$x_1$", "a" * 30], most=9) == [r"\$x_1\$", "aaaa…aaaa"]


def test_axes_have_a_frame_on_two_sides_and_labels_as_they_are() -> None:
    figure = new_figure(3, 2)
    axes = figure.add_subplot()
    plain(axes, "$odd", "x", "y")
    assert (axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel()) == ("$odd", "x", "y")
    visible = {side for side, spine in axes.spines.items() if spine.get_visible()}
    assert visible == {"bottom", "left"}
    assert figure.get_size_inches().tolist() == [3, 2]


def test_colours_of_curves_and_titles_are_told_apart() -> None:
    assert len(set(COLORS)) == len(COLORS) == 7
    assert GOOD != BAD


def test_a_figure_shows_itself_in_a_notebook() -> None:
    figure = new_figure(2, 1)
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
