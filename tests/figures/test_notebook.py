"""Small tables and pictures as HTML."""

from __future__ import annotations

import numpy as np

from onestop.figures.notebook import heading, picture, table


def test_all_text_is_escaped() -> None:
    html = heading("<a>") + table([("<b>", "<c>")]) + picture(np.zeros((2, 2, 3), np.uint8), "<d>")
    assert all(f"&lt;{name}&gt;" in html for name in "abcd")
    assert not any(f"<{name}>" in html for name in "abcd")


def test_a_picture_is_in_the_page_itself() -> None:
    assert 'src="data:image/png;base64,' in picture(np.zeros((2, 2, 1), np.uint8), "grey")
