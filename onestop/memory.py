"""Memory: the most that was taken so far, and how much more there is to take."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import torch

if sys.platform != "win32":
    import resource

_GROUP = Path("/sys/fs/cgroup")


def peak(device: torch.device) -> int | None:
    """The most bytes taken at once: on a GPU by tensors, else by the process since it began.

    None where the system does not say.
    """
    if device.type == "cuda":
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
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5)
    except OSError:
        return 0
    return _kilobytes(Path("/proc/self/status"), "VmRSS") or 0


def available(device: torch.device) -> int | None:
    """Bytes that can still be taken, as far as the system says; None where it says nothing.

    On a processor the least of what the machine has, what the process's control group leaves (a
    container's limit) and what its address space may still grow by (`ulimit -v`).
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    found = (_kilobytes(Path("/proc/meminfo"), "MemAvailable"), _group_left(), _space_left())
    return min((left for left in found if left is not None), default=None)


def total(device: torch.device) -> int | None:
    """Bytes of a GPU's memory; None for other devices."""
    return torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else None


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
        limit, taken = ((_GROUP / f"memory.{name}").read_text() for name in ("max", "current"))
    except OSError:
        return None
    return max(0, int(limit) - int(taken)) if limit.strip().isdecimal() else None


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
