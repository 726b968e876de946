"""Wherever a run that goes on is killed, nothing in its folder tells of another network than its own.

A finished run is extended in a forked process, which ends at one of its writes (before a file gets its
name, or is removed), without any cleaning up; then everything that shows figures is compared with a
scoring of the model file that is there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.errors import UsageError
from onestop.reporting import write_report
from onestop.reporting.gather import gather
from onestop.storage.derived import shows_the_end
from onestop.storage.model_header import digest_in
from onestop.storage.run_folder import METRICS, MODEL, PREDICTIONS, REPORT
from tests.reliability.card import sampled, tried
from tests.reliability.killing import fingerprint

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(0)
CLASSES = np.arange(60) % 3
IMAGES = RNG.integers(0, 60, (60, 8, 8, 1), dtype=np.uint8)
IMAGES[:, :3] += (CLASSES * 60).astype(np.uint8)[:, None, None, None]
LABELS = np.stack([CLASSES == 0, CLASSES > 0, IMAGES[:, 7, 7, 0] > 40], 1).astype(np.int64)
SOURCES: dict[str, Any] = {
    "classes": (IMAGES, CLASSES),
    "moving average": (IMAGES, CLASSES),
    "labels": (IMAGES, LABELS),
}
OPTIONS: dict[str, Any] = {
    "model": "cnn1", "image_size": 8, "batch_size": 14, "val_fraction": 0.3, "threads": 1,
    "workers": 0, "lr": 0.01,
    "device": "cpu", "quiet": True,
}  # fmt: skip
BEGUN, EXTENDED = 1, 3  # epochs
WRITES = ("replace", "unlink")


class Fatal:
    """Stands for a method of `Path`, and ends the process at one call in a folder."""

    count = 0

    def __init__(self, folder: Path, at: int, function: Callable[..., Any]) -> None:
        self.folder, self.at, self.function = folder, at, function

    def __get__(self, path: Path, _: Any = None) -> Callable[..., Any]:
        def called(*words: Any, **options: Any) -> Any:
            if self.folder in path.parents:
                if Fatal.count == self.at:
                    os._exit(9)
                Fatal.count += 1
            return self.function(path, *words, **options)

        return called


def extended(folder: Path, kind: str, at: int) -> bool:
    """Extend a run in another process, which ends before its write `at`; whether it got there."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    try:
        for name in WRITES:
            setattr(Path, name, Fatal(folder, at, getattr(Path, name)))
        onestop.train(SOURCES[kind], resume=folder, epochs=EXTENDED, quiet=True)
    finally:
        os._exit(0)


def check(folder: Path, kind: str) -> str:
    """Compare what is said of a run with its network; the state that it is in."""
    (row,) = onestop.runs(folder.parent, match=folder.name)
    run = onestop.Run(folder)
    found = onestop.evaluate(folder, data=SOURCES[kind], split="val", device="cpu").metrics
    assert row.split == "val"
    assert row.best == pytest.approx(found[row.figure], abs=1e-9)
    if row.state == "done":
        names = [metric.name for metric in run.info.metrics]
        assert {n: run.metrics[n] for n in names} == {n: found[n] for n in names}
        assert len(run.predictions) == found["images"] == run.metrics["images"]
        if kind != "labels":
            right = sum(bool(prediction.correct) for prediction in run.predictions)
            assert right / found["images"] == found["accuracy"]
    else:
        for name in ("metrics", "predictions"):
            with pytest.raises(UsageError):
                getattr(run, name)
        assert row.state == "stopped"
    page = folder / REPORT
    if page.exists():
        assert f'content="{digest_in(folder / MODEL)} done"' in page.read_text()
    gathered = gather(folder)
    assert gathered.state == row.state
    assert gathered.metrics.get("accuracy", found.get("accuracy")) == found.get("accuracy")
    return row.state


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@pytest.mark.parametrize("kind", list(SOURCES))
def test_killed_at_any_write_a_run_tells_of_the_network_that_is_there(
    kind: str, tmp_path: Path
) -> None:
    options = {**OPTIONS, "ema": 0.5 if kind == "moving average" else 0}
    begun = onestop.train(SOURCES[kind], epochs=BEGUN, out=tmp_path, name="begun", **options).folder
    write_report(gather(begun))
    shutil.copytree(begun, tmp_path / "whole")
    onestop.train(SOURCES[kind], resume=tmp_path / "whole", epochs=EXTENDED, quiet=True)
    whole = fingerprint(tmp_path / "whole")
    assert digest_in(tmp_path / "whole" / MODEL) != digest_in(begun / MODEL), "it got better"
    states = list[str]()
    writes = sampled(range(10_000), 1 if kind == "classes" else 3)
    for number in writes:
        folder = shutil.copytree(begun, tmp_path / f"cut-{number}")
        if not extended(folder, kind, number):
            break
        states.append(check(folder, kind))
        if len(states) % 5 == 0:
            onestop.train(SOURCES[kind], resume=folder, epochs=EXTENDED, quiet=True)
            assert fingerprint(folder) == whole
    assert check(folder, kind) == "done"
    assert states[0] == "done", "it was killed before anything happened"
    assert states.count("stopped") >= 10 // (writes[1] - writes[0])
    tried(f"a run that goes on killed at each of its writes ({kind})", f"{len(states)} kills")


def test_a_run_that_is_finished_again_keeps_its_figures(tmp_path: Path) -> None:
    run = onestop.train(SOURCES["classes"], epochs=1, out=tmp_path, **OPTIONS)
    write_report(gather(run.folder))
    before = {name: (run.folder / name).read_bytes() for name in (METRICS, PREDICTIONS, REPORT)}
    onestop.train(SOURCES["classes"], resume=run.folder, quiet=True)
    assert {name: (run.folder / name).read_bytes() for name in before} == before
    assert shows_the_end(run.folder)


def test_a_page_of_the_middle_of_a_run_goes_with_its_end(tmp_path: Path) -> None:
    """As `report` writes it while the run is training; this one ends without a page of its own."""
    run = onestop.train(SOURCES["classes"], epochs=1, out=tmp_path, **OPTIONS)
    (run.folder / METRICS).unlink()
    page = write_report(gather(run.folder))
    assert "network of epoch" not in page.read_text(), "the network is that of the end"
    onestop.train(SOURCES["classes"], resume=run.folder, quiet=True, no_report=True)
    assert not page.exists()


@pytest.mark.parametrize(
    "name", ["metrics.json", "predictions.csv", "report.html", "confusion.csv"]
)
def test_what_is_not_ours_stays(name: str, tmp_path: Path) -> None:
    run = onestop.train(SOURCES["classes"], epochs=1, out=tmp_path, **OPTIONS)
    path = run.folder / name
    path.write_text("mine\n")
    from onestop.storage.derived import withdraw

    withdraw(run.folder)
    assert path.read_text() == "mine\n"


def test_the_figures_of_another_network_are_not_shown(tmp_path: Path) -> None:
    """Somebody copies the best network of another run over this one's."""
    first, second = (
        onestop.train(SOURCES["classes"], epochs=n, out=tmp_path, name=f"r{n}", **OPTIONS)
        for n in (1, 2)
    )
    shutil.copy(second.folder / MODEL, first.folder / MODEL)
    assert check(first.folder, "classes") == "stopped"
    with pytest.raises(UsageError, match=r"of another network than model\.safetensors"):
        _ = first.metrics


def test_runs_of_earlier_versions_are_checked_by_the_metrics_in_the_model_file(
    tmp_path: Path,
) -> None:
    run = onestop.train(SOURCES["classes"], epochs=1, out=tmp_path, **OPTIONS)
    from onestop.storage.container import packed, unpacked

    content = unpacked(run.folder / MODEL)
    card = json.loads(content.metadata["onestop"])
    del card["network_digest"], card["metrics"]["network_digest"]
    metrics = run.metrics
    del metrics["network_digest"]
    (run.folder / METRICS).write_text(json.dumps(metrics))
    (run.folder / MODEL).write_bytes(packed(content.tensors, "onestop", card))
    assert check(run.folder, "classes") == "done"
    card["metrics"] = {"epoch": 7, "val_accuracy": 0.5}  # as while training
    (run.folder / MODEL).write_bytes(packed(content.tensors, "onestop", card))
    (row,) = onestop.runs(tmp_path)
    assert (row.state, row.best, row.split) == ("stopped", 0.5, "val")
