"""The record of what the bits of a result depend on beside recipe and data."""

from __future__ import annotations

import platform

import pytest
import torch

from onestop.runtime.device import Engine
from onestop.runtime.fingerprint import cpu_name, differences, fingerprint

CPU = Engine(torch.device("cpu"))


def test_the_record_of_the_arithmetic_names_what_changes_bits() -> None:
    engine = Engine(torch.device("cpu"), compile=True)
    assert fingerprint(engine)["compile"] is True
    assert fingerprint(CPU)["compile"] is False
    assert fingerprint(CPU)["precision"] == "fp32"


def test_the_record_has_what_chooses_the_arithmetic_and_a_probe_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    before = fingerprint(CPU)
    assert before["switches"] == "none"
    assert "jpg " in str(before["decoders"])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    now = fingerprint(CPU)
    assert differences(before, now) == "environment none (here ONEDNN_MAX_CPU_ISA=SSE41)"
    assert now["arithmetic"] == before["arithmetic"], "too late for this process"


def test_only_what_both_know_and_what_differs_is_told() -> None:
    before = {"torch": "2.0", "device_name": "old", "gone": 1, "threads": 2}
    now = {"torch": "2.0", "device_name": "new", "threads": 4}
    assert differences(before, now) == "device name old (here new), threads 2 (here 4)"
    assert differences(now, now) == ""


def test_the_processor_has_a_name() -> None:
    assert cpu_name().startswith(platform.machine())


def test_without_proc_it_is_the_kind_of_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("no such file")

    monkeypatch.setattr("pathlib.Path.read_text", fail)
    assert cpu_name() == platform.machine()
