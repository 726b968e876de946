"""Files are whole or not there, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from onestop.errors import WriteError
from onestop.reading import read_object
from onestop.runtime.files import make_folder, write_atomic


def fail_with(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_text_and_bytes_are_written_and_replaced(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "Käfer\n")
    assert (tmp_path / "a").read_bytes() == "Käfer\n".encode()
    write_atomic(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("older", [b"old", None])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, older: bytes | None
) -> None:
    path = tmp_path / "model"
    if older:
        path.write_bytes(older)
    monkeypatch.setattr(step, fail_with(errno.ENOSPC))
    with pytest.raises(WriteError, match=r"model: cannot be written \(No space left") as error:
        write_atomic(path, b"new")
    assert error.value.exit_code == 1
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([older] if older else [])


def test_it_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    flush = os.fsync

    def note(handle: int) -> None:
        seen.append((tmp_path / "a").exists())
        flush(handle)

    monkeypatch.setattr("os.fsync", note)
    write_atomic(tmp_path / "a", "text")
    assert seen == [False, True] if os.name == "posix" else [False]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        write_atomic(tmp_path / "no" / "a", "text")


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a")
        assert (tmp_path / "a").is_dir()
    with pytest.raises(WriteError, match="cannot be created"):
        make_folder(tmp_path / "no" / "a")


@pytest.mark.parametrize(
    ("content", "read"),
    [(b'{"a": 1}', {"a": 1}), (b"[1]", {}), (b"{", {}), (b"\xff", {}), (None, {})],
)
def test_an_object_is_read_or_is_empty(
    tmp_path: Path, content: bytes | None, read: dict[str, object]
) -> None:
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    assert read_object(tmp_path / "a") == read
