"""Runs beside each other: what differs, by how much, and on which images."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import binomtest

import onestop
from onestop.reporting import write_comparison
from onestop.reporting.compare import pair, told_apart, verdict_of
from onestop.reporting.gather import gather
from tests.reporting.html import Page

Trained = Callable[..., onestop.Run]


@pytest.fixture
def both(trained: Trained) -> tuple[onestop.Run, onestop.Run]:
    return trained("first"), trained("second", epochs=1, seed=1)


def test_a_page_of_two_runs_has_every_part(
    both: tuple[onestop.Run, onestop.Run], tmp_path: Path
) -> None:
    found = [gather(run.folder) for run in both]
    page = Page(write_comparison(found, tmp_path / "c.html"))
    assert list(page.sections) == [
        "result", "settings", "curves", "classes", "flipped-1", "machines",
    ]  # fmt: skip
    assert page.unbalanced == []
    settings = page.sections["settings"]
    assert all(name in settings for name in ("epochs", "seed"))
    assert "batch-size" not in settings, "only what differs"
    assert "All with the same hardware and versions" in page.sections["machines"]


def test_the_images_that_flipped_are_those_only_one_is_right_about(
    both: tuple[onestop.Run, onestop.Run],
) -> None:
    first, second = (gather(run.folder) for run in both)
    found = pair(first, second)
    right = [{p.image for p in run.predictions if p.correct} for run in both]
    assert {p.image for p in found.flipped[0]} == right[1] - right[0]
    assert {p.image for p in found.flipped[1]} == right[0] - right[1]
    assert right[1] != right[0]
    figures = found.paired
    assert figures is not None
    assert figures.difference == pytest.approx(
        second.metrics["accuracy"] - first.metrics["accuracy"]
    )
    discordant = figures.only_first + figures.only_second
    assert figures.p == pytest.approx(binomtest(figures.only_first, discordant).pvalue)


def test_a_run_is_no_better_than_itself(trained: Trained) -> None:
    found = gather(trained("first").folder)
    assert "no significant difference between first and first" in verdict_of(pair(found, found))


def test_a_clear_difference_is_called_one(trained: Trained) -> None:
    first = gather(trained("first").folder)
    wrong = [dataclasses.replace(p, correct=False) for p in first.predictions]
    right = [dataclasses.replace(p, correct=True) for p in first.predictions]
    bad, good = (dataclasses.replace(first, predictions=p) for p in (wrong, right))
    assert "first is better than first" in verdict_of(pair(bad, good))
    assert "+100.0% accuracy" in verdict_of(pair(bad, good))
    assert "first is worse than first" in verdict_of(pair(good, bad))


def test_runs_on_other_images_are_not_held_against_each_other(
    trained: Trained, tmp_path: Path
) -> None:
    first = gather(trained("first").folder)
    others = [dataclasses.replace(p, image=f"other/{p.image}") for p in first.predictions]
    second = dataclasses.replace(first, predictions=others)
    assert "were not scored on the same images" in verdict_of(pair(first, second))
    page = Page(write_comparison([first, second], tmp_path / "c.html"))
    assert "flipped-1" not in page.sections


def test_images_of_one_run_alone_are_counted(trained: Trained) -> None:
    first = gather(trained("first").folder)
    second = dataclasses.replace(first, predictions=first.predictions[:-2])
    found = pair(first, second)
    assert found.lost == 2
    assert "Ignored: 2 images scored by only one of them" in verdict_of(found)


def test_numbers_name_the_same_images_only_in_the_same_data(trained: Trained) -> None:
    first = gather(trained("first").folder)
    first.predictions = [
        dataclasses.replace(p, image=f"#{i}") for i, p in enumerate(first.predictions)
    ]
    elsewhere = first.recipe.replace(source="other")
    second = dataclasses.replace(first, recipe=elsewhere, predictions=first.predictions[:-1])
    assert pair(first, dataclasses.replace(second, recipe=first.recipe)).paired is not None
    assert pair(first, second).paired is None
    alike = dataclasses.replace(first, recipe=elsewhere)
    assert "Their data differ" in verdict_of(pair(first, alike))


def test_runs_of_one_name_are_told_apart(trained: Trained, tmp_path: Path) -> None:
    for place in "ab":
        shutil.copytree(trained("first").folder, tmp_path / place / "runs" / "first")
    found = [gather(tmp_path / place / "runs" / "first") for place in "ab"]
    assert [run.name for run in told_apart(found)] == ["a/runs/first", "b/runs/first"]
    page = Page(write_comparison(found, tmp_path / "c.html"))
    assert "b/runs/first" in page.sections["result"]


def test_many_long_names_make_no_file_name_that_is_too_long(
    trained: Trained, tmp_path: Path
) -> None:
    folder = tmp_path / ("x" * 150)
    shutil.copytree(trained("first").folder, folder)
    found = gather(folder)
    assert write_comparison([found, found]).is_file()


def test_three_runs_are_held_against_the_first(
    both: tuple[onestop.Run, onestop.Run], trained: Trained
) -> None:
    found = [gather(run.folder) for run in (*both, both[0])]
    page = Page(write_comparison(found))
    assert {"flipped-1", "flipped-2"} <= set(page.sections)
    assert (both[0].folder.parent / "compare-first-second-first.html").is_file()


def test_a_run_without_a_model_yet_still_has_its_settings(trained: Trained, tmp_path: Path) -> None:
    run = trained("first")
    (tmp_path / "recipe.yaml").write_bytes((run.folder / "recipe.yaml").read_bytes())
    found = [gather(run.folder), gather(tmp_path)]
    page = Page(write_comparison(found, tmp_path / "c.html"))
    assert "not scored yet" in page.sections["result"]
    assert "None: the recipes are the same" in page.sections["settings"]
