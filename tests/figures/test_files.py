"""Figures as files and within pages."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from onestop.figures.confusion import confusion_figure
from onestop.figures.files import KINDS, figure_bytes, figure_html, to_svg, write_figure
from onestop.figures.fitted import fitted_line

BEGIN = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "jpg": b"\xff\xd8\xff"}


def figure(text: str = "a title") -> Figure:
    made = Figure(figsize=(2, 1))
    made.text(0.1, 0.5, text, parse_math=False)
    return made


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_each_kind_is_what_it_says_and_repeats_itself(kind: str) -> None:
    content = figure_bytes(figure(), kind)
    assert content.startswith(BEGIN[kind])
    if kind != "svg":  # whose names of parts are random
        assert figure_bytes(figure(), kind) == content
    else:
        assert b"<dc:date>" not in content


def test_letters_that_the_font_lacks_are_no_trouble() -> None:
    assert figure_bytes(figure("蚂蚁")).startswith(BEGIN["png"])


def test_html_holds_the_picture_and_says_what_it_is() -> None:
    page = figure_html(figure(), 'ants & "bees" <b>')
    assert 'alt="ants &amp; &quot;bees&quot; &lt;b&gt;"' in page
    found = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert found is not None
    assert Image.open(io.BytesIO(base64.b64decode(found[1]))).size == (200, 100)


def matrix(names: Sequence[str] = ("a", "b")) -> Figure:
    return confusion_figure(np.array([[5, 1], [2, 4]]), list(names))


def test_a_figure_is_the_same_each_time() -> None:
    assert figure_bytes(matrix()) == figure_bytes(matrix())
    assert to_svg(matrix(), "x") == to_svg(matrix(), "x")


def test_two_in_one_page_share_no_name_inside() -> None:
    one, other = (set(re.findall(r'id="([^"]+)"', to_svg(matrix(), n))) for n in "xy")
    assert one
    assert not one & other
    svg = to_svg(matrix(), "x")
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert set(used) <= one, "all that is referred to is there"


def test_it_takes_the_pages_colour_and_its_letters_are_text() -> None:
    svg = to_svg(matrix(("<ant>", "bee & co")), "x")
    assert "currentColor" in to_svg(fitted_line([1.0], [1.0], [1.0]), "x")
    assert "&lt;ant&gt;" in svg
    assert "bee &amp; co" in svg
    assert "#000000" not in svg


@pytest.mark.parametrize("ending", KINDS)
def test_it_can_be_kept_in_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    write_figure(matrix(), tmp_path / f"a{ending}")
    assert (tmp_path / f"a{ending}").stat().st_size > 1000


def test_names_that_look_like_svg_stay_what_they_are() -> None:
    svg = to_svg(matrix(("#000000", 'id="x" url(#y)')), "x")
    assert ">#000000<" in svg
    assert '>id="x" url(#y)<' in svg


def test_letters_that_the_font_lacks_raise_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "蚂蚁" in to_svg(matrix(("蚂蚁", "b")), "x")
        figure_bytes(matrix(("蚂蚁", "b")))
