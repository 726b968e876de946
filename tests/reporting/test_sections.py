"""The parts of a page: all there, in order, and true."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.reporting import write_report
from onestop.reporting.gather import gather
from tests.reporting.html import Page

Trained = Callable[..., onestop.Run]
SECTIONS = [
    "result", "curves", "samples", "classes", "confusion", "pairs", "mistakes", "uncertain",
    "calibration", "confidence", "data", "time", "repeat",
]  # fmt: skip


def test_every_part_is_there_in_order_and_says_something(page: Page) -> None:
    assert list(page.sections) == SECTIONS
    assert all(len(text.split()) > 5 for text in page.sections.values())
    assert page.unbalanced == []


def test_training_images_are_as_the_network_saw_them(page: Page) -> None:
    assert page.sections["samples"].count(".jpg") == 22, "all but the one that cannot be read"


def test_the_command_in_it_repeats_the_run(
    page: Page, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("first")
    (command,) = re.findall(r"onestop train .*", page.sections["repeat"])
    words = shlex.split(command)
    assert words[2] == run.recipe.data.source, "whose name has a blank"
    assert main([*words[1:], "--quiet", "--name", "again"]) == 0
    again = onestop.Run("runs/again")
    assert again.recipe == run.recipe
    predictions = [(one.folder / "predictions.csv").read_bytes() for one in (run, again)]
    assert predictions[0] == predictions[1]


def test_a_run_that_has_just_begun_has_a_page_too(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    recipe = (trained("first").folder / "recipe.yaml").read_bytes()
    (copy / "recipe.yaml").write_bytes(recipe)
    page = Page(write_report(gather(copy)))
    assert "no epoch has been scored yet" in page.sections["result"]
    assert list(page.sections) == ["result", "curves", "data", "repeat"]


@pytest.mark.thorough
def test_notes_are_those_of_the_run_and_not_of_its_log(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained("first").folder, copy)
    (copy / "log.txt").write_text("2026-01-01 00:00:00 note: of the log\n")
    notes = onestop.Run(copy).info.notes
    assert notes
    data = Page(write_report(gather(copy))).sections["data"]
    assert "of the log" not in data
    assert all(note.partition(": ")[2] in data for note in notes)
    (copy / "run.json").unlink()
    data = Page(write_report(gather(copy))).sections["data"]
    assert "Notes of this run were not recorded" in data
    assert "of the log" not in data
