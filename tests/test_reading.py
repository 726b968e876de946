"""Files of strangers are read if they are files, of a bounded size, and never waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onestop.reading import open_regular, parse_json, read_object, read_regular, read_text


def pipe(path: Path) -> None:
    os.mkfifo(path)


def door(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("make", [pipe, door, device, circle, Path.mkdir])
def test_what_is_not_a_file_is_refused_at_once(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a")
    for read in (
        open_regular,
        lambda path: read_regular(path, 10),
        lambda path: read_text(path, 10),
    ):
        with pytest.raises(OSError, match=r"a'$|is not a file"):
            read(tmp_path / "a")
    assert read_object(tmp_path / "a") == {}


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "b", 3) == b"abc"


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc\r\n")
    assert read_text(tmp_path / "a", 5) == "abc\r\n"
    with pytest.raises(OSError, match="has more than"):
        read_regular(tmp_path / "a", 4)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # takes no room
    assert read_object(tmp_path / "large") == {}


def test_text_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "a", 10)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b'{"a": 1}', {"a": 1}), (b"[1]", {}), (b"{", {}), (b"\xff", {}), (None, {}), (b"", {}),
        (b"[" * 10**6, {}), (b'{"a":' * 10**5, {}), (b'{"a": 1, "a": 2}', {}),
        (b'{"a": {"b": 1, "b": 2}}', {}), (b'{"a": 1' + b"0" * 5000 + b"}", {}),
    ],
)  # fmt: skip
def test_an_object_is_read_or_is_empty(
    tmp_path: Path, content: bytes | None, read: dict[str, object]
) -> None:
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    assert read_object(tmp_path / "a") == read


@pytest.mark.parametrize("text", ["", "{", "[" * 10**6, '{"a": 1, "a": 1}', "1" + "0" * 5000])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize("value", [None, 3, "a", [1], {"a": {"b": [None]}}])
def test_json_is_parsed(value: Any) -> None:
    import json

    assert parse_json(json.dumps(value)) == value
