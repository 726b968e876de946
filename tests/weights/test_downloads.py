"""Downloads: complete and checked or not at all, resumed, and never waited for long."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from onestop.weights import downloads as module
from onestop.weights.downloads import DownloadError, download, require_reachable
from tests.weights.stand_in import Server, serving

CONTENT = random.Random(0).randbytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CONTENT) as one:
        yield one


def part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def test_a_file_is_complete_and_nothing_else_is_left(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.pth"
    download(server.url("a.pth"), target, SHA256[:8])
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    download(server.url("a.pth"), target, SHA256)
    assert server.asked == [None], "what is there is not asked for"


def test_a_broken_connection_is_continued_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = [300_000, 200_000]
    target = tmp_path / "a.pth"
    download(server.url("a.pth"), target, SHA256)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_what_a_killed_process_had_is_continued(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "a.pth"
    part_of(target).write_bytes(CONTENT[:123_456])
    download(server.url("a.pth"), target, SHA256)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=123456-"]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("begin", [b"another file", CONTENT, CONTENT + b"more"])
def test_whatever_lies_there_the_content_is_right(
    begin: bytes, ranges: bool, server: Server, tmp_path: Path
) -> None:
    server.ranges, target = ranges, tmp_path / "a.pth"
    part_of(target).write_bytes(begin)
    download(server.url("a.pth"), target, SHA256)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_is_not_tried_for_ever(
    server: Server, tmp_path: Path
) -> None:
    server.breaks = [0] * 10
    with pytest.raises(DownloadError, match="the connection broke after 0 of 1,000,000 bytes"):
        download(server.url("a.pth"), tmp_path / "a.pth", SHA256)
    assert len(server.asked) == 1


def test_another_content_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"has SHA-256 {SHA256[:16]}..., not deadbeef"):
        download(server.url("a.pth"), tmp_path / "a.pth", "deadbeef")
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_missing_file_is_reported_by_its_status(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(DownloadError, match="HTTP 404 Not Found"):
        download(server.url("a.pth"), tmp_path / "a.pth", SHA256)


def test_a_silent_server_is_given_up_after_the_limit(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.silent = threading.Event()
    monkeypatch.setattr(module, "SILENCE", 0.2)
    begun = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer within 0\.2 seconds"):
        download(server.url("a.pth"), tmp_path / "a.pth", SHA256)
    assert time.monotonic() - begun < 3
    assert len(server.asked) == 1, "once"


def test_so_is_a_look_up_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def look_up(*_: object, **__: object) -> None:
        ended.wait(30)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(module, "SILENCE", -0.9)
    with pytest.raises(DownloadError, match="no answer within"):
        download("http://example.invalid/a.pth", tmp_path / "a.pth", SHA256)
    ended.set()


def test_a_server_that_is_not_there_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="Connection refused"):
        download("http://127.0.0.1:9/a.pth", tmp_path / "a.pth", SHA256)


def test_a_download_that_takes_too_long_is_continued_the_next_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.pth"
    with monkeypatch.context() as context:
        context.setattr(module, "LONGEST", -1.0)
        with pytest.raises(DownloadError, match="took more than"):
            download(server.url("a.pth"), target, SHA256)
    assert 0 < part_of(target).stat().st_size < len(CONTENT)
    download(server.url("a.pth"), target, SHA256)
    assert target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"file: (File exists|Not a directory)"):
        download(server.url("a.pth"), tmp_path / "file" / "a.pth", SHA256)


def test_two_at_once_download_it_once(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "a.pth"
    arguments = (server.url("a.pth"), target, SHA256)
    threads = [threading.Thread(target=download, args=arguments) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == CONTENT
    assert server.asked == [None]


def test_any_answer_means_that_a_server_can_be_reached(server: Server) -> None:
    require_reachable(server.url(""))
    server.status = 404
    require_reachable(server.url(""))
    with pytest.raises(DownloadError, match="Connection refused"):
        require_reachable("http://127.0.0.1:9/")


def test_without_a_terminal_one_line_says_what_is_downloaded(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download(server.url("a.pth"), tmp_path / "a.pth", SHA256)
    assert capsys.readouterr().err == "downloading a.pth (1.0 MB)\n"
