"""Work done by threads a little ahead of who wants it, in the order it is wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from onestop.runtime.signals import check

_AHEAD = 4  # batches prepared before they are asked for

_Item = TypeVar("_Item")
_Loaded = TypeVar("_Loaded")


def ahead(
    batches: Iterable[Sequence[_Item]], load: Callable[[_Item], _Loaded], workers: int
) -> Iterator[list[_Loaded]]:
    """`load` each item of each batch in threads, a few batches ahead, in the order they come.

    Between two batches a signal can end it (`onestop.runtime.signals.check`).

    Args:
        batches: Taken only as far as is looked ahead, so there may be no end of them.
        load: Runs in several threads at once.
        workers: Threads; 0 loads in the caller's own, when it is asked for.
    """
    if workers == 0:
        for items in batches:
            check()
            yield [load(item) for item in items]
        return
    pool = ThreadPoolExecutor(workers, "onestop-data", _compute_alone)
    waiting: deque[list[Future[_Loaded]]] = deque()
    try:
        for items in batches:
            check()
            waiting.append([pool.submit(load, item) for item in items])
            if len(waiting) > _AHEAD:
                yield [future.result() for future in waiting.popleft()]
        for futures in waiting:
            check()
            yield [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _compute_alone() -> None:
    """Keep torch from starting threads to help this one.

    Each thread of a pool would otherwise get as many helpers as there are cores, which wait for their
    next piece of work by spinning, at the expense of the network.
    """
    torch.get_num_threads()  # sets a new thread's number the first time, over what is set below
    threadpool_limits(1, user_api="openmp")


def groups(count: int, size: int = 64) -> Iterator[range]:
    """The numbers below `count`, so many at a time."""
    return (range(start, min(start + size, count)) for start in range(0, count, size))
