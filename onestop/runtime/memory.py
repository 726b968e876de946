"""Memory: the most taken so far, how much more can be taken, and what is done with freed blocks.

No import of torch until a GPU is asked about: the command line sets up the allocator first of all.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

if sys.platform != "win32":
    import resource

_GROUP = Path("/sys/fs/cgroup")

# mallopt(3): names of its settings, with the values given here.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_SETTINGS = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20))

SWITCH = "ONESTOP_KEEP_MEMORY"


def peak(device: torch.device) -> int | None:
    """The most bytes taken at once: on a GPU by tensors, else by the process since it began.

    None where the system does not say.
    """
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    # Linux's own figure, since getrusage's begins with that of the process that started this one.
    if (own := _kilobytes(Path("/proc/self/status"), "VmHWM")) is not None:
        return own
    if sys.platform == "win32":
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def restart_peak(device: torch.device) -> int:
    """Have `peak` count from now on; bytes that are taken now. 0 where the system cannot."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5)
    except OSError:
        return 0
    return _kilobytes(Path("/proc/self/status"), "VmRSS") or 0


def available(device: torch.device | None = None) -> int | None:
    """Bytes that can still be taken, as far as the system says; None where it says nothing.

    On the CPU the least of three: what the machine has (`man proc`, MemAvailable), what the process's
    control group leaves (a container's limit; files that the system caches count as free, since it
    drops them when memory is needed), and what its address space may still grow by (`ulimit -v`).

    Args:
        device: The CPU if not given.
    """
    if device is not None and device.type == "cuda":
        import torch

        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    found = (_kilobytes(Path("/proc/meminfo"), "MemAvailable"), _group_left(), _space_left())
    return min((left for left in found if left is not None), default=None)


def total(device: torch.device) -> int | None:
    """Bytes of a GPU's memory; None for other devices."""
    if device.type != "cuda":
        return None
    import torch

    return torch.cuda.mem_get_info(device)[1]


def _kilobytes(file: Path, name: str) -> int | None:
    """The bytes in a line such as `VmHWM:   123 kB`."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None
    )


def _group_left() -> int | None:
    try:
        limit, taken, lines = (
            (_GROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat")
        )
    except OSError:
        return None
    if not limit.strip().isdecimal():
        return None
    counters = dict(line.split() for line in lines.splitlines())
    cached = sum(int(counters.get(name, 0)) for name in ("active_file", "inactive_file"))
    return max(0, int(limit) - int(taken) + cached)


def _space_left() -> int | None:
    if sys.platform == "win32":
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    taken = _kilobytes(Path("/proc/self/status"), "VmSize")
    if limit == resource.RLIM_INFINITY or taken is None:
        return None
    return max(0, limit - taken) + _freed()


def _freed() -> int:
    """Bytes that the C library keeps for the next who asks (glibc's mallinfo2; else 0)."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return 0
    library.mallinfo2.restype = _MallocInfo
    return int(library.mallinfo2().fordblks)


class _MallocInfo(ctypes.Structure):
    """mallinfo(3), struct mallinfo2."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    )  # fmt: skip


def keep_freed_memory() -> bool:
    """Have glibc keep freed memory; whether that was possible.

    By default glibc returns large blocks to the system as soon as they are freed. A network asks for
    the same blocks in every step, and each time the system has to find and clear their pages anew: up
    to half of the time of a training step (`benchmarks/log.md`). No result depends on it.
    ONESTOP_KEEP_MEMORY=0 in the environment forbids it.

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
