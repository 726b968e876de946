"""Files are whole or not there, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from onestop.errors import UsageError, WriteError
from onestop.runtime.files import (
    home,
    is_single,
    kind_of,
    make_folder,
    open_log,
    write_atomic,
)


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


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
class TestLinks:
    def test_a_link_is_replaced_and_not_written_through(self, tmp_path: Path) -> None:
        (tmp_path / "mine").write_text("mine")
        (tmp_path / "a").symlink_to("mine")
        write_atomic(tmp_path / "a", "new")
        assert (tmp_path / "mine").read_text() == "mine"
        assert not (tmp_path / "a").is_symlink()

    def test_a_planted_temporary_name_is_neither_written_through_nor_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("onestop.runtime.files.secrets.token_hex", lambda _: "guessed")
        (tmp_path / "mine").write_text("mine")
        (tmp_path / ".a.guessed.tmp").symlink_to("mine")
        with pytest.raises(WriteError, match=r"a: cannot be written \(File exists\)"):
            write_atomic(tmp_path / "a", "new")
        assert (tmp_path / "mine").read_text() == "mine"
        assert (tmp_path / ".a.guessed.tmp").is_symlink()

    def test_temporary_names_cannot_be_foreseen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names: list[str] = []
        replace = Path.replace

        def note(path: Path, target: Path) -> Path:
            names.append(path.name)
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", note)
        for _ in range(20):
            write_atomic(tmp_path / "a", "text")
        assert len(set(names)) == 20
        assert all(re.fullmatch(r"\.a\.[0-9a-f]{8}\.tmp", name) for name in names)

    @pytest.mark.parametrize("link", [os.symlink, os.link])
    def test_a_log_is_not_written_through_a_link(
        self, tmp_path: Path, link: Callable[[Path, Path], None]
    ) -> None:
        (tmp_path / "mine").write_text("mine")
        link(tmp_path / "mine", tmp_path / "log")
        with pytest.raises(OSError, match=r"file of its own|symbolic links"):
            open_log(tmp_path / "log")
        assert (tmp_path / "mine").read_text() == "mine"

    def test_a_pipe_is_not_waited_for_as_a_log(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "log")
        with pytest.raises(OSError, match="log"):
            open_log(tmp_path / "log")

    def test_a_log_is_appended_to(self, tmp_path: Path) -> None:
        for text in ("a\n", "b\n"):
            with open_log(tmp_path / "log") as log:
                log.write(text)
        assert (tmp_path / "log").read_text() == "a\nb\n"

    def test_no_folder_is_taken_behind_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "a").symlink_to("real")
        with pytest.raises(WriteError, match="a: is a link, not a folder"):
            make_folder(tmp_path / "a")

    def test_what_is_there_is_told_without_following_it(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "link").symlink_to("file")
        os.mkfifo(tmp_path / "pipe")
        kinds = [
            kind_of(tmp_path / name) for name in ("file", "link", "pipe", "no", "file/below", "")
        ]
        assert kinds == ["file", "link", "pipe or device", "nothing", "nothing", "folder"]
        assert [is_single(tmp_path / name) for name in ("file", "no", "link", "pipe")] == [
            True, True, False, False,
        ]  # fmt: skip


def test_a_home_that_is_not_known_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert home() == Path.home()

    def unknown(self: Path | None = None) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    with pytest.raises(UsageError, match=r"no home folder; set HOME, or name folders with XDG"):
        home()
