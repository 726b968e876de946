"""The commands and code of README and docs run as they stand, and what they link to is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from onestop.cli import main
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
LINKED = [*PAGES, REPOSITORY / "CHANGELOG.md", REPOSITORY / "examples" / "README.md"]
NOT_HERE = ("make ", "pip ")  # what these do is tested by CI itself, which runs them


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_code_run(
    page: Path, photos: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photos({"ants": 12, "bees": 12})
    photos({".": 3}, root="new_photos")
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if line.startswith(NOT_HERE) or not words:
                continue
            assert words[0] == "onestop", line
            assert main(words[1:]) == 0, f"{line}\n{capsys.readouterr().err}"
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), {})


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_file_map_names_every_room() -> None:
    text = (REPOSITORY / "README.md").read_text()
    for path in (REPOSITORY / "onestop").iterdir():
        if path.name.startswith("__") or path.name in ("version.py", "py.typed"):
            continue
        assert path.name in text, f"README's file map lacks {path.name}"
