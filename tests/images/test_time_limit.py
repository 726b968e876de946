"""The limit of time: images that take too long are given up, and nobody waits for their threads."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.data.disk_cache import _is_temporary
from onestop.data.prefetch import prefetch
from onestop.errors import BadImageError, DataError
from onestop.images import decode, header, time_limit
from onestop.images.time_limit import Threads, left_behind, limited, most_seconds

LIMIT = 0.2


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ONESTOP_MAX_SECONDS", str(LIMIT))
    yield
    while left_behind():
        time.sleep(0.05)


def busy_in_python() -> None:
    """Much longer than the limit, and not for ever: nobody ends it where Python is traced."""
    end = time.thread_time() + 3
    while time.thread_time() < end:
        pass


def busy_in_c() -> bytes:
    """About two seconds in C code, without the lock of the interpreter and not to be stopped."""
    return hashlib.pbkdf2_hmac("sha512", b"a" * 200, b"b", 4_000_000)


def test_a_result_and_an_error_pass_through() -> None:
    assert limited("", lambda a, b: a + b, 3, 4) == 7
    with pytest.raises(BadImageError, match=r"^damaged$"):
        limited("", raising, BadImageError("damaged"))
    with pytest.raises(TimeoutError, match="its own"):
        limited("", raising, TimeoutError("its own"))


def raising(error: Exception) -> None:
    raise error


@pytest.mark.thorough
@pytest.mark.parametrize("busy", [busy_in_python, busy_in_c])
def test_what_takes_too_long_is_a_bad_image(busy: Callable[[], object]) -> None:
    begun = time.monotonic()
    with pytest.raises(BadImageError) as caught:
        limited("slow.jpg", busy)
    assert str(caught.value) == (
        "takes more than 0.2 s to decode (ONESTOP_MAX_SECONDS sets the limit)"
    )
    assert time.monotonic() - begun < 20
    assert _is_temporary(caught.value), "so a cache on disk does not remember it"


@pytest.mark.thorough
def test_a_thread_left_in_python_code_ends_soon() -> None:
    if sys.gettrace():
        pytest.skip("where Python is traced, a thread ends after its image")

    def for_ever() -> None:
        while True:
            pass

    with pytest.raises(BadImageError):
        limited("slow.jpg", for_ever)
    deadline = time.monotonic() + 10
    while left_behind() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left_behind() == []


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clocks of threads")
def test_waiting_is_not_decoding() -> None:
    """A slow disk, or a machine with much to do, makes no image unreadable."""
    assert limited("", time.sleep, 3 * LIMIT) is None


@pytest.mark.thorough
def test_waiting_forever_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder may compute in threads of its own."""
    monkeypatch.setattr(time_limit, "_ALL_THREADS", 2)
    event = threading.Event()
    with pytest.raises(BadImageError, match="takes more than"):
        # Python 3.11 that is traced, as for coverage, only goes on after the wait.
        limited("slow.jpg", event.wait, 3)
    event.set()


def test_the_calling_thread_is_not_the_one_that_decodes() -> None:
    assert limited("", threading.current_thread) is not threading.current_thread()
    seen = limited("", lambda: limited("", threading.current_thread))
    assert seen.name == "onestop-image", "a part of an image stays in the thread of the whole"


def test_threads_are_used_again() -> None:
    names = {id(limited("", threading.current_thread)) for _ in range(20)}
    assert len(names) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [0, 2])
def test_one_slow_image_costs_the_others_nothing(workers: int) -> None:
    def load(number: int) -> int | str:
        try:
            limited(f"{number}.jpg", busy_in_python if number == 5 else str)
        except BadImageError as error:
            return str(error)
        return number

    batches = list(prefetch([range(4), range(4, 9)], load, workers))
    assert batches[0] == [0, 1, 2, 3]
    assert batches[1][0] == 4
    assert str(batches[1][1]).startswith("takes more than 0.2 s")
    assert batches[1][2:] == [6, 7, 8]


@pytest.mark.thorough
def test_only_the_slow_one_of_an_items_images_is_refused() -> None:
    """An item is loaded again from its first image on; the one that was slow is then refused."""
    tried: list[str] = []

    def load(_: int) -> list[str]:
        results = []
        for name in ("a", "slow", "b"):
            tried.append(name)
            try:
                results.append(limited(name, busy_in_python if name == "slow" else str))
            except BadImageError:
                results.append("refused")
        return [str(result) for result in results]

    assert list(prefetch([[0]], load, 1)) == [[["", "refused", ""]]]
    assert tried == ["a", "slow", "a", "slow", "b"]


@pytest.mark.thorough
def test_too_many_at_once_end_the_work_with_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "MOST_LEFT", 1)

    def load(number: int) -> None:
        with contextlib.suppress(BadImageError):
            limited(f"{number}.jpg", busy_in_c)

    with pytest.raises(DataError, match=r"^\d.jpg, \d.jpg: still being decoded after 0.2 s each"):
        list(prefetch([[1, 2, 3]], load, 3))


def test_what_is_asked_while_waiting_may_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def stop() -> None:
        asked.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(time_limit, "ASK", [stop])
    event = threading.Event()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        limited("slow.jpg", event.wait, 60)
    assert time.monotonic() - begun < 5
    assert left_behind() == ["slow.jpg"]
    event.set()


def test_closing_a_pool_waits_only_a_little() -> None:
    event = threading.Event()
    threads: Threads[float, bool] = Threads(1, "onestop-test")
    running = threads.submit(lambda seconds: limited("slow.jpg", event.wait, seconds), 60)
    waiting = threads.submit(bool, 0)
    while not running.running() and not left_behind() and threads._threads[0].begun is None:
        time.sleep(0.01)
    begun = time.monotonic()
    threads.close(patience=0.2)
    assert time.monotonic() - begun < 3
    assert waiting.cancelled()
    assert left_behind() == ["slow.jpg"]
    event.set()


def test_fewer_threads_than_wanted_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, list[str]()

    def refuse(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert list(prefetch([range(50)], lambda number: number, 8)) == [list(range(50))]
    assert len(started) == 2
    with pytest.raises(RuntimeError, match="can't start new thread"):
        list(prefetch([range(2)], lambda number: number, 8))


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert limited("", str) == ""
    child = os.fork()
    if not child:
        os._exit(0 if limited("", lambda: 5) == 5 else 1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.02)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert done == child
    assert status == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2.5", 2.5), ("", 10), ("many", 10), ("-1", 10), ("0", 10), ("nan", 10), ("1e3", 1000)],
)
def test_the_limit_can_be_set(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_MAX_SECONDS", text)
    assert most_seconds() == seconds


def test_every_way_to_read_an_image_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens a file does so through one of these."""
    path = tmp_path / "a.png"
    image = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    image.save(path)
    names: list[str] = []

    def noted(name: str, function: Callable[..., object], *arguments: object) -> object:
        names.append(name)
        return function(*arguments)

    for module in (decode, header):
        monkeypatch.setattr(module, "limited", noted)
    monkeypatch.setattr(header, "limited", noted)
    content = path.read_bytes()
    ways: list[tuple[Callable[[], object], str]] = [
        (lambda: decode.decode(path, 3), str(path)),
        (lambda: decode.decode(content, 3), "an image in memory"),
        (lambda: header.measure(path), str(path)),
        (lambda: header.header(content), "an image in memory"),
        (lambda: header.is_still(path), str(path)),
        (lambda: decode.pixels_of(str(path), 3), str(path)),
        (lambda: decode.from_pillow(image, 3), "an image of Pillow's"),
        (lambda: decode.pixels_of(Image.open(path), 3), "an image of Pillow's"),
    ]
    for way, name in ways:
        names.clear()
        way()
        assert names[0] == name


def test_the_error_has_the_cause_of_a_passing_one() -> None:
    cause = time_limit.too_slow().__cause__
    assert isinstance(cause, OSError)
    assert cause.errno == errno.ETIMEDOUT
