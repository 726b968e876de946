"""Files that have not changed need not be read again, and those that have are never taken for them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from onestop.data import signatures
from onestop.data.cache_file import cache_folder, clear
from onestop.data.signatures import Signatures

KEYS = np.array([11, 12, 13], np.uint64)
HOUR = 3600 * 10**9


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Three files."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name * 9)
    return [str(folder / name) for name in "abc"]


def later() -> int:
    """A time at which files that were just written count as settled."""
    return time.time_ns() + HOUR


def kept(paths: list[str]) -> list[int]:
    return [int(key) for key in Signatures(paths, 0).keys().tolist()]


@pytest.mark.parametrize("workers", [0, 2])
def test_keys_are_found_again_in_any_order(paths: list[str], workers: int) -> None:
    assert kept(paths) == [0, 0, 0]
    Signatures(paths, workers).keep(KEYS, later())
    assert kept(paths) == [11, 12, 13]
    more = [paths[0], str(Path(paths[0]).with_name("new")), *paths[:0:-1]]
    Path(more[1]).write_text("new")
    assert kept([*more[:2], paths[1], paths[2]]) == [11, 0, 12, 13]


def test_a_changed_file_of_equal_size_and_time_is_not_taken_for_the_old_one(
    paths: list[str],
) -> None:
    Signatures(paths, 0).keep(KEYS, later())
    times = Path(paths[1]).stat()
    Path(paths[1]).write_text("B" * 9)
    os.utime(paths[1], ns=(times.st_atime_ns, times.st_mtime_ns))
    assert kept(paths) == [11, 0, 13]


def test_files_that_change_places_are_read_again(paths: list[str]) -> None:
    Signatures(paths, 0).keep(KEYS, later())
    Path(paths[0]).rename(paths[0] + "x")
    Path(paths[1]).rename(paths[0])
    Path(paths[0] + "x").rename(paths[1])
    assert kept(paths) == [0, 0, 13]


def test_a_file_that_had_just_been_changed_is_not_kept(paths: list[str]) -> None:
    Signatures(paths, 0).keep(KEYS, time.time_ns())
    assert kept(paths) == [0, 0, 0]


def test_files_that_are_gone_or_unreadable_are_not_kept(paths: list[str]) -> None:
    Path(paths[0]).unlink()
    os.mkfifo(paths[0])
    Path(paths[1]).unlink()
    Signatures(paths, 0).keep(np.array([11, 12, 1], np.uint64), later())
    assert kept(paths) == [0, 0, 0]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:60] + b"x" + data[61:], lambda _: b""],
    ids=["cut", "changed", "empty"],
)
def test_a_damaged_table_is_ignored(paths: list[str], damage: object) -> None:
    Signatures(paths, 0).keep(KEYS, later())
    (table,) = cache_folder().iterdir()
    table.write_bytes(damage(table.read_bytes()))  # type: ignore[operator]
    assert kept(paths) == [0, 0, 0]


def test_a_table_that_is_a_pipe_is_not_waited_for(paths: list[str]) -> None:
    Signatures(paths, 0).keep(KEYS, later())
    (table,) = cache_folder().iterdir()
    table.unlink()
    os.mkfifo(table)
    assert kept(paths) == [0, 0, 0]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_CACHE", paths[0])  # a file
    Signatures(paths, 0).keep(KEYS, later())
    assert kept(paths) == [0, 0, 0]
    monkeypatch.setenv("ONESTOP_CACHE_GB", "nonsense")
    Signatures(paths, 0).keep(KEYS, later())


def test_tables_belong_to_the_cache_and_are_removed_with_it(paths: list[str]) -> None:
    Signatures(paths, 0).keep(KEYS, later())
    assert clear(cache_folder()) == (1, 0)
    assert kept(paths) == [0, 0, 0]


def test_few_small_files_are_read_again_as_fast(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Signatures(paths, 0).pays
    monkeypatch.setattr(signatures, "_FILES", 3)
    assert Signatures(paths, 0).pays
    monkeypatch.setattr(signatures, "_FILES", 4)
    monkeypatch.setattr(signatures, "_BYTES", 27)
    assert Signatures(paths, 0).pays
