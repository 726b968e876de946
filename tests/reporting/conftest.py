"""Runs whose pages are looked at: small, and with names that HTML must not take for its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from tests.conftest import make_photos
from tests.reporting.html import Page

ODD = "<b>red &amp; 'co'"
"""A class whose name would be HTML."""


@pytest.fixture(scope="session")
def odd_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of noise that can hardly be told apart, so that mistakes are made; one bad file."""
    folder = tmp_path_factory.mktemp("report") / "odd photos"
    make_photos(folder, {"train/blue": 12, f"train/{ODD}": 12, "test/blue": 8, f"test/{ODD}": 9})
    for number in range(3):  # wrongly labelled on purpose
        path = folder / "test" / "blue" / f"{number:03d}.jpg"
        path.write_bytes((folder / "test" / ODD / f"{number:03d}.jpg").read_bytes())
    (folder / "train" / "blue" / '"><script>alert(1)<').write_text("no image")
    (folder / "train" / "blue" / '"><i>.jpg').write_text("no image")
    return folder


@pytest.fixture(scope="session")
def trained(
    odd_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., onestop.Run]:
    """A function that trains on them once for each set of settings, a page included."""
    out, done = tmp_path_factory.mktemp("runs"), dict[str, onestop.Run]()

    def train(name: str, **settings: object) -> onestop.Run:
        if name not in done:
            os.environ["ONESTOP_REPORT"] = "1"
            small = {"model": "lenet5", "image_size": 32, "epochs": 6, "quiet": True, "threads": 1}
            values = {"source": str(odd_photos), "out": out, "name": name, **small, **settings}
            try:
                done[name] = onestop.train(**values)  # type: ignore[arg-type]
            finally:
                os.environ["ONESTOP_REPORT"] = "0"
        return done[name]

    return train


@pytest.fixture
def page(trained: Callable[..., onestop.Run]) -> Page:
    return Page(trained("first").folder / "report.html")
