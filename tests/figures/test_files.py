"""Figures as files and within pages."""

from __future__ import annotations

import base64
import io
import re

import pytest
from matplotlib.figure import Figure
from PIL import Image

from onestop.figures.files import KINDS, figure_bytes, figure_html

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
