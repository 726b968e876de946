"""The documentation becomes a site: complete, without a broken link, and strict about it."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import onestop
from onestop.verbs import VERBS
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.thorough

DOCS = REPOSITORY / "docs"


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` does, in a process of its own: it changes our types for the eye."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    return subprocess.run(
        [*command, str(source), str(site)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip


def names_in(inventory: Path) -> set[str]:
    """The names that objects.inv lists: four lines of text, then a line a name, compressed."""
    packed = inventory.read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}


def test_the_site_is_strict_and_complete(tmp_path: Path) -> None:
    built = build(DOCS, tmp_path)
    assert built.returncode == 0, built.stderr
    names = names_in(tmp_path / "objects.inv")
    lacking = [name for name in onestop.__all__ if f"onestop.{name}" not in names]
    assert not lacking, f"docs/api*.md lack {', '.join(lacking)}"
    pages = {path.stem: html.unescape(path.read_text()) for path in tmp_path.glob("*.html")}
    for verb in VERBS:
        assert f"usage: onestop {verb} " in pages.get(verb, ""), f"docs/{verb}.md lacks its help"
    settings = pages["api-recipe"]
    assert re.search(
        r"0, with a probe, keeps\s+the probe\s+\(from 0 to 1,000,000; may change", settings
    )
    assert "Annotated[" not in settings + pages["api"]
    assert f'href="{onestop_on_github("blob", "benchmarks/log.md")}"' in pages["train"]
    assert f'href="{onestop_on_github("tree", "onestop/networks")}"' in pages["networks"]
    for name, page in pages.items():
        assert str(REPOSITORY) not in page, f"{name}.html tells of this machine"


def onestop_on_github(kind: str, path: str) -> str:
    return f"https://github.com/onestop-vision/onestop/{kind}/main/{path}"


def test_whatever_leads_nowhere_stops_it(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    for name in ("conf.py", "site_parts.py"):
        shutil.copy(DOCS / name, source)
    (source / "lonely.md").write_text("# In no table of contents\n")
    (source / "index.md").write_text(
        "# Start\n\n[a page](nowhere.md), [a heading](lonely.md#nowhere), "
        "[a file](../nowhere.py), [one that is there](../here.py)\n\n"
        "{py:func}`onestop.nowhere`\n\n```{help} nowhere\n```\n"
    )
    (tmp_path / "here.py").touch()
    built = build(source, tmp_path / "site")
    assert built.returncode == 1
    for place in (
        "index.md:3: WARNING: 'myst' cross-reference target not found: 'nowhere.md'",
        "index.md:3: WARNING: local id not found in doc 'lonely': 'nowhere'",
        "index.md:3: WARNING: 'myst' cross-reference target not found: '../nowhere.py'",
        "onestop nowhere --help failed",
        "index.md:5: WARNING: py:func reference target not found: onestop.nowhere",
        "lonely.md: WARNING: document isn't included in any toctree",
    ):
        assert place in built.stderr, f"not said: {place}\n{built.stderr}"
    assert "here.py'" not in built.stderr.replace("nowhere.py'", "")
