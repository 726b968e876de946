"""Listing folders within bounds: the system's own, circles, depth, numbers."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.data.sources import scan
from onestop.data.sources.folder import open_folder
from onestop.data.sources.scan import MOST_DEPTH, require_own_files, system_kind, walked
from onestop.data.sources.walk import images_below
from onestop.errors import DataError

LINUX = pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="no /proc")


def names(top: Path) -> list[str]:
    errors: list[OSError] = []
    listed = [os.path.relpath(place, top) for place, *_ in walked(top, errors.append)]
    return [*listed, *(f"{os.path.relpath(e.filename, top)}: {e.strerror}" for e in errors)]


def test_folders_come_in_the_order_of_os_walk(tmp_path: Path) -> None:
    for path in ("b/x", "b/y/z", "a", "c/w"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("b/1.png", "b/y/2.png", "3.png"):
        (tmp_path / path).touch()
    (tmp_path / "link").symlink_to(tmp_path / "c")
    ours = [(p, sorted(d), sorted(f)) for p, d, f in walked(tmp_path, print)]
    theirs = [(p, sorted(d), sorted(f)) for p, d, f in os.walk(tmp_path, followlinks=True)]
    assert sorted(ours) == sorted(theirs)
    order = []
    for place, folders, _ in walked(tmp_path, print):
        folders[:] = sorted(folders, reverse=True)[:2]
        order.append(os.path.relpath(place, tmp_path))
    assert order == [".", "link", "link/w", "c", "c/w"]


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    assert names(tmp_path / "none") == [".: No such file or directory"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs folders by descriptor")
@pytest.mark.thorough
def test_a_very_deep_tree_ends(tmp_path: Path) -> None:
    """Deeper than Python may recurse."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        listed = names(tmp_path)
        assert len(listed) == MOST_DEPTH + 2
        assert listed[-1].endswith(f"more than {MOST_DEPTH} folders deep")
        with pytest.raises(DataError, match="no images found"):
            open_folder(tmp_path)
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # pytest cannot


def test_a_farm_of_links_is_visited_once_each(tmp_path: Path) -> None:
    count = 12
    for number in range(count):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "a.png").touch()
    for number in range(count):
        for other in range(count):
            (tmp_path / f"{number:02}" / f"to{other:02}").symlink_to(tmp_path / f"{other:02}")
    begun = time.monotonic()
    images, _ = images_below(tmp_path)
    assert len(images) == count
    assert time.monotonic() - begun < 10


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MOST_ENTRIES", 5)
    for number in range(6):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(DataError, match="more than 5 files and folders; name a folder of images"):
        images_below(tmp_path)


@LINUX
@pytest.mark.parametrize("place", ["/proc", "/proc/self", "/sys", "/proc/self/fd"])
@pytest.mark.parametrize("verb", ["train", "lint", "info"])
def test_what_the_system_makes_up_is_no_source(
    place: str, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not system_kind(place):
        pytest.skip(f"{place} is no file system of its own here")
    assert main([verb, place]) == 3
    printed = capsys.readouterr()
    assert printed.err.startswith(f"onestop: {place}: is made up by the system (")
    assert printed.err.count("\n") == 1


@LINUX
def test_a_link_into_what_the_system_makes_up_is_not_followed(
    photos: object, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "processes").symlink_to("/proc")
    errors: list[OSError] = []
    places = [place for place, *_ in walked(tmp_path, errors.append)]
    assert len(places) == 3
    assert errors[0].errno == errno.EPERM
    assert errors[0].strerror == "made up by the system (proc)"


def test_one_s_own_folders_are_nobodys_system(tmp_path: Path) -> None:
    assert system_kind(tmp_path) == ""
    assert system_kind(tmp_path / "none") == ""
    require_own_files(tmp_path)


@LINUX
def test_prediction_refuses_them_too() -> None:
    with pytest.raises(DataError, match="made up by the system"):
        images_below(Path("/proc/self"))
    assert sys.platform == "linux"
    with pytest.raises(DataError, match="made up by the system"):
        onestop.lint("/proc")
