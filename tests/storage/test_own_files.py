"""A run writes only to files of its own, and removes only what has one of its names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import onestop
from onestop.errors import UsageError
from onestop.storage.own_files import (
    FILES,
    FOLDERS,
    remains,
    remove_leftovers,
    require_own,
    states_in,
)
from onestop.storage.run_folder import LOCK, LOG, RECIPE, STATE, is_busy, lock_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
STEP = "step-000000005.safetensors"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / STATE).mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(name)
    (folder / STATE / STEP).write_text("state")
    return folder


def test_files_of_its_own_are_fine(run: Path, tmp_path: Path) -> None:
    require_own(run)
    require_own(tmp_path)  # nothing is there yet
    assert (run / LOG).read_text() == LOG


@pytest.mark.parametrize("name", [*FILES, *FOLDERS, f"{STATE}/{STEP}"])
@pytest.mark.parametrize("target", ["mine", "folder", "nowhere"])
def test_a_link_is_refused_wherever_it_leads(
    run: Path, tmp_path: Path, name: str, target: str
) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "folder").mkdir()
    path = run / name
    if path.is_dir():
        (path / STEP).unlink()
        path.rmdir()
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / target)
    with pytest.raises(
        UsageError, match=r"is a link, and a run writes only to files and folders"
    ) as e:
        require_own(run)
    assert str(path) in str(e.value)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_or_a_pipe_in_the_place_of_a_file_is_refused(run: Path, name: str) -> None:
    (run / name).unlink()
    (run / name).mkdir()
    with pytest.raises(UsageError, match=f"{name}: is a folder, .* or put a file there"):
        require_own(run)
    (run / name).rmdir()
    os.mkfifo(run / name)
    with pytest.raises(UsageError, match=f"{name}: is a pipe or device"):
        require_own(run)


def test_a_file_in_the_place_of_a_folder_is_refused(run: Path) -> None:
    (run / "tensorboard").touch()
    with pytest.raises(UsageError, match=r"tensorboard: is a file, .* or put a folder there"):
        require_own(run)


def test_a_log_with_a_second_name_gets_its_own_copy(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (run / LOG).unlink()
    os.link(tmp_path / "mine", run / LOG)
    require_own(run)
    with (run / LOG).open("a") as log:
        log.write(" more")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (run / LOG).read_text() == "mine more"


def test_only_names_of_states_are_states(run: Path) -> None:
    others = [
        "good.safetensors",
        f"{STEP}.bak",
        "step-5.safetensors",
        f"copy of {STEP}",
        "notes.txt",
    ]
    for name in others:
        (run / STATE / name).touch()
    (run / STATE / "step-000000004.safetensors").touch()
    assert [p.name for p in states_in(run / STATE)] == ["step-000000004.safetensors", STEP]
    assert states_in(run / "nowhere") == []
    (run / "link").symlink_to(STATE)
    assert states_in(run / "link") == []


def test_leftovers_are_removed_and_nothing_else(run: Path, tmp_path: Path) -> None:
    ours = [".metrics.csv.0123abcd.tmp", f".{STEP}.4242.tmp", ".model.safetensors.77.tmp"]
    theirs = [".mine.tmp", ".metrics.csv.tmp", ".notes.0123abcd.tmp", "metrics.csv.1.tmp"]
    for place in (run, run / STATE):
        for name in (*ours, *theirs):
            (place / name).touch()
    (run / ".recipe.yaml.1.tmp").symlink_to(tmp_path)
    remove_leftovers(run)
    for place in (run, run / STATE):
        assert [name for name in ours if (place / name).exists()] == []
        assert all((place / name).exists() for name in theirs)
    assert (run / ".recipe.yaml.1.tmp").is_symlink()


def test_leftovers_behind_a_link_stay(run: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / f".{STEP}.1.tmp").touch()
    (run / STATE / STEP).unlink()
    (run / STATE).rmdir()
    (run / STATE).symlink_to(tmp_path / "elsewhere")
    remove_leftovers(run)
    assert (tmp_path / "elsewhere" / f".{STEP}.1.tmp").exists()


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_lock_that_is_another_file_is_neither_emptied_nor_held(
    tmp_path: Path, link: object
) -> None:
    (tmp_path / "mine").write_text("mine")
    run = tmp_path / "run"
    run.mkdir()
    link(tmp_path / "mine", run / LOCK)  # type: ignore[operator]
    assert not is_busy(run)
    with pytest.raises(UsageError, match=r"\.lock: is not a lock that a run made; remove it"):
        lock_run(run)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_pipe_in_the_place_of_the_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LOCK)
    assert not is_busy(tmp_path)
    with pytest.raises(UsageError, match="is not a lock"):
        lock_run(tmp_path)


def test_the_beginning_of_a_run_is_told_from_a_folder_of_images(tmp_path: Path) -> None:
    assert remains(tmp_path) == ""
    assert remains(tmp_path / "nowhere") == ""
    (tmp_path / LOCK).touch()
    assert "the beginning of a run" in remains(tmp_path)
    (tmp_path / f".{RECIPE}.0123abcd.tmp").touch()
    assert "the beginning of a run" in remains(tmp_path)
    (tmp_path / "ants").mkdir()
    assert remains(tmp_path) == ""


def test_a_run_that_lost_its_recipe_is_not_to_be_removed(run: Path) -> None:
    (run / RECIPE).unlink()
    lost = "is a run without a recipe.yaml that can be read; put a copy of it back"
    assert remains(run) == lost
    (run / RECIPE).mkdir()
    assert remains(run) == lost
    with pytest.raises(UsageError, match=r"run: is a run without a recipe\.yaml that can be read"):
        onestop.train(run)
