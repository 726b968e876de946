"""The page in a real browser: silent, asking for nothing, never wider than the window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestop

pytestmark = pytest.mark.thorough

Trained = Callable[..., onestop.Run]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PHONE, _DESK = 390, 1280  # pixels


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on the path; the distribution's package `chromium` has it")
    return found


def browse(chromium: str, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page without a window; what it printed."""
    quiet = (
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--allow-file-access-from-files", "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={page.parent / 'profile'}",
    )  # fmt: skip
    command = [chromium, *quiet, *flags, page.resolve().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def opened(chromium: str, page: Path) -> tuple[str, list[str], list[str]]:
    """The page as the browser built it, what was said on the console, and what was asked for."""
    log = page.parent / "net.json"
    done = browse(chromium, page, "--dump-dom", f"--log-net-log={log}")
    console = re.findall(r"CONSOLE.*", done.stderr)
    events = json.loads(log.read_text())["events"]
    begun = [event["params"] for event in events if "initiator" in event.get("params", {})]
    # What the browser asks of its maker has no page behind it.
    asked = [params["url"] for params in begun if params["initiator"] != "not an origin"]
    return done.stdout, console, [url for url in asked if not url.startswith(("file:", "data:"))]


def width_within(chromium: str, page: Path, width: int) -> int:
    """How wide a page is that is given so many pixels."""
    frame = page.parent / "frame.html"
    style = f"border:0;width:{width}px;height:900px"
    frame.write_text(
        f'<iframe src="{page.resolve().as_uri()}" style="{style}"></iframe>'
        "<script>onload = () => document.title = "
        "document.querySelector('iframe').contentDocument.documentElement.scrollWidth</script>"
    )
    found = re.search(r"<title>(\d+)</title>", browse(chromium, frame, "--dump-dom").stdout)
    assert found, "the page could not be measured"
    return int(found[1])


@pytest.fixture
def page(trained: Trained, tmp_path: Path) -> Path:
    copy = tmp_path / "report.html"
    copy.write_bytes((trained("first").folder / "report.html").read_bytes())
    return copy


def test_the_page_opens_in_silence_and_asks_for_nothing(chromium: str, page: Path) -> None:
    dom, console, asked = opened(chromium, page)
    assert re.findall(r'<section id="(\w+)"', dom)[:3] == ["result", "curves", "samples"]
    assert dom.count("<section ") == 13
    assert console == []
    assert asked == []


def test_a_page_that_asks_and_speaks_would_be_noticed(chromium: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(
        '<img src="http://127.0.0.1:9/a.png"><script>console.error("oh")</script>'
        '<link rel="stylesheet" href="https://fonts.googleapis.com/css">'
    )
    _, console, asked = opened(chromium, page)
    assert any("oh" in line for line in console)
    assert {"http://127.0.0.1:9/a.png", "https://fonts.googleapis.com/css"} <= set(asked)


@pytest.mark.parametrize("width", [_PHONE, _DESK])
def test_nothing_is_wider_than_the_window(chromium: str, page: Path, width: int) -> None:
    assert width_within(chromium, page, width) <= width


def test_it_can_be_looked_at_in_the_light_and_in_the_dark(chromium: str, page: Path) -> None:
    corner: dict[str, float] = {}
    for name, flags in (("light", ()), ("dark", ("--force-dark-mode",))):
        picture = page.parent / f"{name}.png"
        browse(chromium, page, f"--window-size={_DESK},900", f"--screenshot={picture}", *flags)
        with Image.open(picture) as image:
            assert image.size == (_DESK, 900)
            corner[name] = np.asarray(image.convert("L"))[2, 2]
            assert len(image.convert("RGB").getcolors(maxcolors=2**24) or []) > 100, "it is empty"
    assert corner["light"] > 200
    assert corner["dark"] < 60
