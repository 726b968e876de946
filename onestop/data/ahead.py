"""Work done by threads a little ahead of who wants it, in the order it is wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_AHEAD = 4  # batches prepared before they are asked for

_Item = TypeVar("_Item")
_Loaded = TypeVar("_Loaded")


def ahead(
    batches: Iterable[Sequence[_Item]], load: Callable[[_Item], _Loaded], workers: int
) -> Iterator[list[_Loaded]]:
    """`load` each item of each batch in threads, a few batches ahead, in the order they come.

    Args:
        batches: Taken only as far as is looked ahead, so there may be no end of them.
        load: Runs in several threads at once.
        workers: Threads; 0 loads in the caller's own, when it is asked for.
    """
    if workers == 0:
        for items in batches:
            yield [load(item) for item in items]
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="onestop-data")
    waiting: deque[list[Future[_Loaded]]] = deque()
    try:
        for items in batches:
            waiting.append([pool.submit(load, item) for item in items])
            if len(waiting) > _AHEAD:
                yield [future.result() for future in waiting.popleft()]
        for futures in waiting:
            yield [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def groups(count: int, size: int = 64) -> Iterator[range]:
    """The numbers below `count`, so many at a time."""
    return (range(start, min(start + size, count)) for start in range(0, count, size))
