"""What pages are made of."""

from __future__ import annotations

import numpy as np

from onestop.figures.style import new_figure
from onestop.reporting.blocks import Share, plot, tile


def test_a_share_is_read_in_percent_with_its_interval() -> None:
    share = Share(0.5, 0.254, 0.746)
    assert str(share) == "50.0%"
    assert share.interval == "25% to 75%"


def test_a_plot_is_as_wide_as_its_figure() -> None:
    made = plot(new_figure(4, 1), "name", "in words")
    assert (made.width, made.alt, made.kind) == (384, "in words", "plot")
    assert made.svg.startswith("<svg")


def test_a_tile_without_pixels_says_that_it_cannot_be_read() -> None:
    made = tile("a/b.jpg", None, "an ant", ["line"])
    assert made.image == ""
    assert "cannot be read" in made.alt


def test_tiny_pictures_are_shown_with_hard_edges_and_long_lines_are_cut() -> None:
    small, large = (
        tile("n" * 99, np.zeros((s, s, 3), np.uint8), "alt", ["x" * 99]) for s in (9, 90)
    )
    assert (small.pixelated, large.pixelated) == (True, False)
    assert len(small.lines[0]) == 44
    assert len(small.short_name) == 22
    assert small.image.startswith("data:image/png")
    assert small.overlay == ""


def test_a_heat_map_is_a_second_picture() -> None:
    pixels = np.zeros((90, 90, 3), np.uint8)
    made = tile("a.jpg", pixels, "alt", [], overlay=pixels + 99)
    assert made.overlay.startswith("data:image/jpeg")
    assert made.overlay != made.image
