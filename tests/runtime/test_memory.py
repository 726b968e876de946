from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from onestop.runtime import memory

CPU = torch.device("cpu")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own figures")


@linux
def test_the_peak_follows_what_is_taken() -> None:
    before = memory.peak(CPU)
    taken = torch.ones(2**26)  # 256 MiB
    after = memory.peak(CPU)
    assert before is not None
    assert after is not None
    assert after >= before
    assert after >= taken.nbytes


@linux
def test_what_is_left_is_the_least_of_all_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free = memory.available(CPU)
    assert free is not None
    assert free > 2**20
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 30000\nactive_file 20000\n")
    assert memory.available(CPU) == 2_050_000  # files that the system caches can be dropped
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr("resource.getrlimit", lambda _: (1, 1))
    monkeypatch.setattr(memory, "_freed", lambda: 77)
    assert memory.available(CPU) == 77


def test_a_processor_has_no_memory_of_its_own() -> None:
    assert memory.total(CPU) is None


def test_of_a_gpu_torch_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, restarted = torch.device("cuda"), list[torch.device]()
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 900)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", restarted.append)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 300)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 500)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 8000))
    assert memory.peak(gpu) == 900
    assert memory.restart_peak(gpu) == 300
    assert restarted == [gpu]
    assert memory.available(gpu) == 1200  # what torch holds and does not use can be had too
    assert memory.total(gpu) == 8000


def test_where_the_system_does_not_report_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(Path, "write_text", missing)
    monkeypatch.setattr("resource.getrusage", lambda _: type("Usage", (), {"ru_maxrss": 3}))
    for platform, peak in (("linux", 3072), ("darwin", 3), ("win32", None)):
        monkeypatch.setattr(sys, "platform", platform)
        assert memory.peak(CPU) == peak
        assert memory.available(CPU) is None
    assert memory.restart_peak(CPU) == 0


def test_without_glibc_there_is_nothing_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())  # musl has neither function
    monkeypatch.delenv(memory.SWITCH, raising=False)
    assert not memory.keep_freed_memory()
    assert memory._freed() == 0
