"""Have the C library keep memory that was freed, for a process that is ours alone; or give it back.

By default glibc gives large blocks back to the system as soon as they are freed. A network asks for
the same blocks in every step, and each time the system has to find and clear their pages anew: half
of the time of a training step can go into that (`benchmarks/log.md`). No result depends on it.
"""

from __future__ import annotations

import ctypes
import os
import sys

# mallopt(3): names of its settings, with the values given here.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_SETTINGS = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20))

SWITCH = "ONESTOP_KEEP_MEMORY"


def keep_freed_memory() -> bool:
    """Whether freed memory is kept from now on; 0 in the environment's ONESTOP_KEEP_MEMORY forbids it.

    For the command line only: a program that merely imports OneStop decides for itself.
    """
    if not sys.platform.startswith("linux") or os.environ.get(SWITCH) == "0":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False  # musl has no mallopt that does anything
    return all(library.mallopt(name, value) for name, value in _SETTINGS)


def give_freed_memory_back() -> None:
    """Return to the system what was freed, where the C library can (glibc's malloc_trim)."""
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)
