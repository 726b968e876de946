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
