"""metrics.json: what can be used of it, and what is said of the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from onestop.metrics.spec import LOSS, Metric
from onestop.storage.final_metrics import FinalMetrics, lacking, read_metrics

METRICS = (Metric("accuracy", "accuracy", percent=True), LOSS)
GOOD: dict[str, Any] = {
    "split": "val", "accuracy": 0.5, "loss": 1.5, "images": 4, "epochs": 2, "seconds": 1.0,
    "per_class": {"a": {"f1": 0.5, "ap": None}}, "another": [1],
}  # fmt: skip


def read(folder: Path, content: Any) -> FinalMetrics:
    (folder / "metrics.json").write_text(json.dumps(content))
    return read_metrics(folder, METRICS)


def test_good_metrics_are_all_there(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == FinalMetrics(GOOD, "")
    assert lacking(GOOD, METRICS) == []


def test_a_run_that_is_not_done_has_none(tmp_path: Path) -> None:
    assert read_metrics(tmp_path, METRICS) == FinalMetrics({}, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", "x"), ("accuracy", 5.0), ("accuracy", None), ("loss", float("nan")),
        ("images", -1), ("images", 2.5), ("epochs", "x"), ("seconds", float("inf")),
        ("split", "nope"), ("split", 3), ("per_class", "x"), ("per_class", {"a": 3}),
        ("inexact_resume", "x"),
    ],
)  # fmt: skip
def test_a_damaged_value_costs_its_key_and_is_named(tmp_path: Path, name: str, value: Any) -> None:
    final = read(tmp_path, {**GOOD, name: value})
    assert final.values == {key: good for key, good in GOOD.items() if key != name}
    assert final.problem == f"{tmp_path / 'metrics.json'}: damaged in {name}, which is left out"


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 10**5, b"\xff", b'{"a": 1, "a": 1}'])
def test_a_file_that_cannot_be_read_has_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    final = read_metrics(tmp_path, METRICS)
    assert final.values == {}
    assert final.problem.endswith("metrics.json: is not valid JSON; its metrics are left out")


@pytest.mark.parametrize("content", [None, 3, [], "x"])
def test_a_file_without_an_object_has_nothing(tmp_path: Path, content: Any) -> None:
    final = read(tmp_path, content)
    assert final.values == {}
    assert "damaged" in final.problem


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.json")
    assert "is not a file; its metrics are left out" in read_metrics(tmp_path, METRICS).problem


def test_what_is_lacking_is_named() -> None:
    assert lacking({"split": "val", "accuracy": 1.0}, METRICS) == ["images", "loss"]
