"""Files of decoded images: whole or not there, never served damaged, and never more than allowed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from onestop.data import cache_file as cache
from onestop.data.cache_file import DamagedError, Writer, make_room, open_stored
from onestop.errors import UsageError

KEYS = tuple(digit * 64 for digit in "0123456789abcdef")


def write(folder: Path, key: str = KEYS[0], size: int = 1000, *, used: float | None = None) -> Path:
    """A file of so many bytes of pixels, written in pieces; `used` is when it was last."""
    data = np.random.default_rng(int(key[0], 16)).integers(0, 256, size, dtype=np.uint8)
    with Writer(folder, key) as writer:
        for start in range(0, size, 300):
            writer.write(data[start : start + 300].data)
        path = writer.finish({"source": "photos", "n": 3})
    if used is not None:
        os.utime(path, (used, used))
    return path


@pytest.mark.parametrize("size", [0, 1, 899, 900, 1000, 1800])
@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_written_is_read(
    tmp_path: Path, size: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PART", 450)  # neither a piece nor a part ends where the other does
    stored = open_stored(write(tmp_path, size=size), workers)
    assert stored is not None
    expected = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    np.testing.assert_array_equal(stored.pixels, expected)
    assert (stored.about["source"], stored.about["n"]) == ("photos", 3)
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEYS[0]}.images"]


def test_where_there_is_no_file_there_is_nothing(tmp_path: Path) -> None:
    assert open_stored(tmp_path / "no.images") is None


def test_pixels_that_are_changed_in_memory_stay_as_they_were_on_the_disk(tmp_path: Path) -> None:
    path = write(tmp_path)
    before, stored = path.read_bytes(), open_stored(path)
    assert stored is not None
    stored.pixels[:] = 0
    del stored
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [0, 5, 2000])
def test_each_changed_byte_is_noticed(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PART", 450)
    path = write(tmp_path, size=size)
    whole = path.read_bytes()
    for place in {*range(0, len(whole), 7), size - 1, len(whole) - 1} - {-1}:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedError):
            open_stored(path)
    path.write_bytes(whole)
    assert open_stored(path) is not None


def test_a_file_that_was_cut_off_or_grew_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            open_stored(path)
    for more in (whole + b"\0", b"\0" + whole):
        path.write_bytes(more)
        with pytest.raises(DamagedError):
            open_stored(path)


def test_a_file_under_the_name_of_another_is_noticed(tmp_path: Path) -> None:
    other = write(tmp_path).rename(tmp_path / f"{KEYS[1]}.images")
    with pytest.raises(DamagedError, match="its content does not match its name"):
        open_stored(other)


def test_a_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    with Writer(tmp_path, KEYS[0]) as writer:
        writer.write(memoryview(b"half"))
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_last_moment_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write(tmp_path).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path, size=10)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_two_that_write_the_same_file_do_no_harm(tmp_path: Path) -> None:
    with Writer(tmp_path, KEYS[0]) as one, Writer(tmp_path, KEYS[0]) as other:
        for writer in (one, other):
            writer.write(memoryview(b"same"))
        first = open_stored(one.finish({}))
        second = open_stored(other.finish({}))
    assert first is not None
    assert second is not None
    assert bytes(first.pixels) == bytes(second.pixels) == b"same"
    assert len(list(tmp_path.iterdir())) == 1


# --- where, and how much ---


def test_the_folder_is_the_one_asked_for_else_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.cache_folder() == tmp_path / "cache" / "onestop" / "images"
    monkeypatch.setenv("ONESTOP_CACHE", str(tmp_path / "mine"))
    assert cache.cache_folder() == tmp_path / "mine"


def test_the_limit_is_the_one_asked_for_else_a_tenth_of_the_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = write(tmp_path).stat().st_size
    for free, expected in ((5000, (5000 + held) // 10), (10**15, 20 * 10**9)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert cache.limit(tmp_path) == expected
    monkeypatch.setenv("ONESTOP_CACHE_GB", "0.5")
    assert cache.limit(tmp_path) == 5 * 10**8
    monkeypatch.setenv("ONESTOP_CACHE_GB", "much")
    with pytest.raises(UsageError, match="ONESTOP_CACHE_GB much: is not a number of gigabytes"):
        cache.limit(tmp_path)


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three files, the first of which was used last, in a folder with room for no more."""
    paths = [write(tmp_path, KEYS[n], used=1e9 - n) for n in range(3)]
    sizes = sum(path.stat().st_size for path in paths)
    monkeypatch.setenv("ONESTOP_CACHE_GB", str((sizes + 10) / 1e9))
    return paths


def test_the_least_recently_used_make_room(tmp_path: Path, three: list[Path]) -> None:
    (tmp_path / "of somebody else.images").write_bytes(b"x" * 9)
    assert make_room(tmp_path, 5) == 0
    assert make_room(tmp_path, 500) == 1
    assert [path.exists() for path in three] == [True, True, False]
    assert open_stored(three[1]) is not None  # now the first is the one not used for longest
    assert make_room(tmp_path, 2000) == 1
    assert [path.exists() for path in three] == [False, True, False]
    assert (tmp_path / "of somebody else.images").exists()


def test_what_does_not_fit_at_all_removes_nothing(tmp_path: Path, three: list[Path]) -> None:
    assert make_room(tmp_path, 10**6) is None
    assert all(path.exists() for path in three)


def test_what_is_in_use_is_not_removed(tmp_path: Path, three: list[Path]) -> None:
    stored = open_stored(three[2])
    os.utime(three[2], (1, 1))
    assert make_room(tmp_path, 500) == 1
    assert [path.exists() for path in three] == [True, False, True]
    assert cache.clear(tmp_path) == (1, 1)
    assert three[2].exists()
    del stored
    assert cache.clear(tmp_path) == (1, 0)
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_reads_is_not_removed(tmp_path: Path) -> None:
    path = write(tmp_path)
    code = (
        "import pathlib, sys\nfrom onestop.data.cache_file import open_stored\n"
        "kept = open_stored(pathlib.Path(sys.argv[1])).pixels[:5]\nprint('open', flush=True)\ninput()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == b"open"
        assert not cache.remove(path)
        reader.communicate(b"\n")
    assert cache.remove(path)


def test_the_rest_of_a_writer_that_was_killed_is_cleared(tmp_path: Path) -> None:
    writer = Writer(tmp_path, KEYS[0])
    writer.write(memoryview(b"half"))
    assert cache.clear(tmp_path) == (0, 1)  # still at it
    writer._file.close()  # as the system does when a process ends
    assert cache.clear(tmp_path) == (1, 0)


def test_entries_say_what_is_there_the_last_used_first(three: list[Path]) -> None:
    three[1].write_bytes(b"damaged")
    os.utime(three[1], (5, 5))
    found = cache.entries(three[0].parent)
    assert [entry.path for entry in found] == [three[0], three[2], three[1]]
    assert [entry.about and entry.about["source"] for entry in found] == ["photos", "photos", None]
    assert cache.entries(three[0].parent / "nowhere") == []
