"""Ordered prefetching with a thread pool."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator

import pytest
import torch

from onestop.data.prefetch import groups, prefetch
from onestop.images.time_limit import limited
from onestop.runtime.signals import Stop, Stopped


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_what_was_loaded_comes_in_order_batch_by_batch(workers: int) -> None:
    batches = [[3, 1], [], [2], list(range(40))]
    found = list(prefetch(batches, lambda number: number * number, workers))
    assert found == [[9, 1], [], [4], [number * number for number in range(40)]]


@pytest.mark.parametrize("workers", [0, 2])
def test_it_looks_only_a_little_ahead(workers: int) -> None:
    asked = []

    def endless() -> Iterator[list[int]]:
        for number in itertools.count():
            asked.append(number)
            yield [number]

    found = prefetch(endless(), lambda number: number, workers)
    assert [next(found) for _ in range(3)] == [[0], [1], [2]]
    assert len(asked) <= (8 if workers else 3)
    found.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("onestop-data")]


def test_an_error_reaches_who_wants_the_item() -> None:
    found = prefetch([[1, 2], [0, 1]], lambda number: 6 // number, 2)
    assert next(found) == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert not [t for t in threading.enumerate() if t.name.startswith("onestop-data")]


def test_threads_that_load_compute_alone_and_leave_others_their_helpers() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = list(prefetch([range(8)], lambda _: torch.get_num_threads(), 2))
        assert found == [[1] * 8]
        assert torch.get_num_threads() == 2
        assert list(prefetch([range(2)], lambda _: torch.get_num_threads(), 0)) == [[2, 2]]
    finally:
        torch.set_num_threads(before)


def test_groups_are_all_numbers_in_order() -> None:
    assert [list(part) for part in groups(5, 2)] == [[0, 1], [2, 3], [4]]
    assert list(groups(0)) == []


def test_a_signal_is_noticed_while_an_image_is_decoded() -> None:
    event = threading.Event()
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    with Stop():
        timer.start()
        with pytest.raises(Stopped):
            limited("slow.jpg", event.wait, 3)  # to its end where Python 3.11 is traced
    event.set()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_ends_it_between_two_batches(workers: int) -> None:
    with Stop() as stop:
        found = prefetch([[1], [2], [3]], lambda number: number, workers)
        assert next(found) == [1]
        stop.requested = True
        with pytest.raises(Stopped):
            next(found)
    assert not [t for t in threading.enumerate() if t.name.startswith("onestop-data")]
