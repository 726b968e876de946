"""The commands and code of README and docs run as they stand, and what they link to is there."""

from __future__ import annotations

import doctest
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


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block that can be run, in the order of the page."""
    pattern = r"^```(sh|console|yaml|python)\n(.*?)^```"
    return re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)


def run_commands(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands alone, which must succeed."""
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if line.startswith(NOT_HERE) or not words:
            continue
        assert words[0] == "onestop", line
        assert main(words[1:]) == 0, f"{line}\n{capsys.readouterr().err}"


def run_session(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands with what they print; `...` stands for anything, and an error is a wanted one."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, wanted = part.partition("\n")
        capsys.readouterr()
        code = main(shlex.split(line)[1:])
        said = "".join(capsys.readouterr())
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert doctest.OutputChecker().check_output(wanted, said, flags), f"{line}\n{said}"
        assert (code == 0) != ("onestop: " in wanted), f"{line} ended with {code}"


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_code_run(
    page: Path, photos: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    photos({"ants": 12, "bees": 12})
    photos({".": 3}, root="new_photos")
    for language, text in blocks(page):
        if language == "sh":
            run_commands(text, capsys)
        elif language == "console":
            run_session(text, capsys)
        elif language == "yaml":  # a file, named in its first line
            Path(text.split()[1]).write_text(text)
        else:
            exec(compile(text, str(page), "exec"), {})


@pytest.mark.parametrize(
    "session",
    [
        "$ onestop --version\nonestop 999\n",
        "$ onestop frobnicate\nonestop: frobnicate: ... a fine command ...\n",
        "$ onestop frobnicate\n...\n",
    ],
    ids=["other words", "another error", "an error that is not told"],
)
def test_a_page_that_says_what_is_not_so_is_found(
    session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError):
        run_session(session, capsys)


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
