"""Memory: the peak so far, how much is available, and what happens to freed blocks.

torch is imported only for GPUs: the command line sets up the allocator before anything else.
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

# mallopt(3): its parameters, and the values they are set to.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_SETTINGS = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20))

SWITCH = "ONESTOP_KEEP_MEMORY"


def peak(device: torch.device) -> int | None:
    """Peak memory in bytes: of tensors on a GPU, else of the process since it began.

    None if the system does not report it.
    """
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    # Linux's own counter, since that of getrusage starts at the parent process's peak.
    if (own := _kilobytes(Path("/proc/self/status"), "VmHWM")) is not None:
        return own
    if sys.platform == "win32":
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def restart_peak(device: torch.device) -> int:
    """Reset `peak`; returns the bytes in use now, 0 if the system cannot do it."""
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
    """Bytes that can still be allocated; None if the system does not report it.

    On the CPU the minimum of three: what the machine has (`man proc`, MemAvailable), what the process's
    control group leaves (a container's limit; files that the system caches count as free, since it
    drops them when memory is needed), and what its address space may still grow by (`ulimit -v`).

    Args:
        device: None is the CPU.
    """
    if device is not None and device.type == "cuda":
        import torch

        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    limits = (_kilobytes(Path("/proc/meminfo"), "MemAvailable"), _group_left(), _space_left())
    return min((left for left in limits if left is not None), default=None)


def total(device: torch.device) -> int | None:
    """The size of a GPU's memory in bytes; None for other devices."""
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
        limit, used, lines = (
            (_GROUP / f"memory.{name}").read_text() for name in ("max", "current", "stat")
        )
    except OSError:
        return None
    if not limit.strip().isdecimal():
        return None
    counters = dict(line.split() for line in lines.splitlines())
    cached = sum(int(counters.get(name, 0)) for name in ("active_file", "inactive_file"))
    return max(0, int(limit) - int(used) + cached)


def _space_left() -> int | None:
    if sys.platform == "win32":
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    used = _kilobytes(Path("/proc/self/status"), "VmSize")
    if limit == resource.RLIM_INFINITY or used is None:
        return None
    return max(0, limit - used) + _freed()


def _freed() -> int:
    """Freed bytes that the C library keeps for later allocations (glibc's mallinfo2; else 0)."""
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
    """Have glibc keep freed memory; returns whether that was possible.

    By default glibc returns large blocks to the system as soon as they are freed. A network allocates
    the same blocks in every step, and each time the system has to find and clear their pages again:
    up to half of the time of a training step (`benchmarks/log.md`). Results do not depend on it.
    ONESTOP_KEEP_MEMORY=0 in the environment turns it off.

    For the command line only: a program that merely imports OneStop decides for itself.
    """
    if not sys.platform.startswith("linux") or os.environ.get(SWITCH) == "0":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False  # musl's mallopt does nothing
    return all(library.mallopt(name, value) for name, value in _SETTINGS)


def give_freed_memory_back() -> None:
    """Return freed memory to the system if the C library can (glibc's malloc_trim)."""
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)
