"""Whether anything may be downloaded, as far as the user has decided it for everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

OFFLINE = "ONESTOP_OFFLINE"
_HUBS = "HF_HUB_OFFLINE"
_OFF = ("", "0", "false", "no", "off")


def is_offline() -> bool:
    """Whether `--offline` or the environment variable ONESTOP_OFFLINE forbids all downloads."""
    return _is_set(OFFLINE)


def hubs_forbidden() -> str:
    """The setting that forbids downloads of weights, for a message; empty if none does.

    Hugging Face's own variable HF_HUB_OFFLINE counts for every hub.
    """
    return next((f"{name} is set" for name in (OFFLINE, _HUBS) if _is_set(name)), "")


@contextmanager
def offline(asked: bool) -> Iterator[None]:
    """While active, nothing is downloaded by this process and those it starts, if `asked`."""
    before = os.environ.get(OFFLINE)
    if asked:
        os.environ[OFFLINE] = "1"
    try:
        yield
    finally:
        if asked:
            os.environ.pop(OFFLINE)
            if before is not None:
                os.environ[OFFLINE] = before


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() not in _OFF
