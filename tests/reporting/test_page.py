"""A page as HTML: it asks nothing of any network, and no text in it is taken for HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

import onestop
from onestop.reporting.blocks import Block, Gallery, Section, Share, Table, Text, tile
from onestop.reporting.page import page as page_of
from tests.reporting.conftest import ODD
from tests.reporting.html import Page

Trained = Callable[..., onestop.Run]


def test_it_asks_nothing_of_any_network_and_runs_no_script(page: Page, trained: Trained) -> None:
    policy = [m["content"] or "" for m in page.of("meta") if "http-equiv" in m]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert not page.of("script")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}"
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("data:", "#")), f"{tag} {name}={value}"
    assert len((trained("first").folder / "report.html").read_bytes()) < 5_000_000


def test_names_are_escaped(page: Page) -> None:
    assert ODD in page.sections["classes"]
    assert not page.of("b") or all("style" in b for b in page.of("b")), "only the bars of shares"
    assert '"><i>.jpg' in page.sections["data"]


def test_pictures_have_words_for_those_who_cannot_see_them(page: Page) -> None:
    images = page.of("img")
    assert len(images) > 20
    assert all(len(image["alt"] or "") > 10 for image in images)
    plots = [div for div in page.of("div") if div.get("role") == "img"]
    assert len(plots) == len(page.of("svg")) == 6
    assert all(len(div["aria-label"] or "") > 10 for div in plots)


def test_no_two_elements_have_one_id(page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []


def test_each_kind_of_block_is_drawn_and_escaped() -> None:
    blocks: list[Block] = [
        Text("<b>lead", "lead"), Text("onestop train", "code"),
        Table(("a <b>", "share"), [("<b>", Share(0.5, 0.25, 0.75))] * 3, "caption", unfolded=1),
        Gallery([tile("a.jpg", np.zeros((9, 9, 3), np.uint8), "alt", ["<b>line"])], "title"),
    ]  # fmt: skip
    text = page_of("<b>title", "about", [Section("one", "One", blocks)])
    assert "<b>" not in text
    assert text.count("50.0%") == 3
    assert "data:image/png" in text
    assert 'id="one"' in text
