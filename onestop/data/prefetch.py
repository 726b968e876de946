"""Ordered prefetching in threads that can be left behind (`onestop.images.time_limit`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from onestop.images.time_limit import ASK, Threads
from onestop.runtime.signals import check

ASK.append(check)  # whoever waits for an image notices signals
_AHEAD = 4  # batches loaded before they are requested

_Item = TypeVar("_Item")
_Loaded = TypeVar("_Loaded")


def prefetch(
    batches: Iterable[Sequence[_Item]], load: Callable[[_Item], _Loaded], workers: int
) -> Iterator[list[_Loaded]]:
    """`load` each item of each batch in threads, a few batches ahead, preserving their order.

    A signal can cancel it at any time (`onestop.runtime.signals.check`), whatever is being decoded; an
    image that takes too long to decode is a `BadImageError` where it is decoded, in `load`.

    Args:
        batches: Consumed only a few batches ahead, so it may be infinite.
        load: Runs in several threads at once.
        workers: Threads; 0 loads in the calling thread, when a batch is requested.
    """
    if workers == 0:
        for items in batches:
            check()
            yield [load(item) for item in items]
        return
    pool: Threads[_Item, _Loaded] = Threads(workers, "onestop-data", _compute_alone)
    waiting: deque[list[Future[_Loaded]]] = deque()
    try:
        for items in batches:
            check()
            waiting.append([pool.submit(load, item) for item in items])
            if len(waiting) > _AHEAD:
                yield list(map(pool.result, waiting.popleft()))
        for futures in waiting:
            check()
            yield list(map(pool.result, futures))
    finally:
        pool.close()


def _compute_alone() -> None:
    """Keep torch from starting further threads in this one.

    Otherwise every thread of the pool would start one OpenMP thread per core, and those spin while
    they wait, which slows the network down.
    """
    torch.get_num_threads()  # its first call in a thread resets the limit, so it must come first
    threadpool_limits(1, user_api="openmp")


def groups(count: int, size: int = 64) -> Iterator[range]:
    """The indices below `count` in ranges of `size`."""
    return (range(start, min(start + size, count)) for start in range(0, count, size))
