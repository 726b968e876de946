"""What a run would take: measured by its own loop, without a trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import onestop
from onestop.cli import main
from onestop.data import loader
from onestop.errors import UsageError
from onestop.jobs import dry_run as rehearsal
from onestop.results.cost import Estimate
from onestop.text import duration
from onestop.training.step import LocalStep

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_STEPS", "_ONCE", "_SCORING"):
        monkeypatch.setattr(rehearsal, name, 0.1)


def cost(source: Any, **given: Any) -> Estimate:
    options = {"model": "lenet5", "threads": 1, "workers": 1, "quiet": True, **given}
    return onestop.dry_run(source, **options)


def data(count: int = 60) -> Any:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 20, 20), dtype=np.uint8), np.arange(count) % 2


def test_it_says_what_a_run_is_made_of_and_leaves_nothing(tmp_path: Path) -> None:
    found = cost(data(), epochs=3, batch_size=8, val_fraction=0.2)
    assert list(tmp_path.iterdir()) == []
    assert (found.network, found.parameters, found.device) == ("lenet5", 61_026, "cpu")
    assert (found.images, found.validation_images) == (48, 12)
    assert (found.steps_per_epoch, found.batch_size, found.epochs) == (6, 8, 3)
    (phase,) = found.phases
    assert (phase.epochs, phase.frozen, phase.once) == (3, "none", 0.0)
    assert phase.training > 0
    assert phase.evaluation > 0
    assert phase.images_per_second == pytest.approx(48 / phase.training)
    assert 0 <= phase.waiting < 1
    assert found.total == pytest.approx(
        found.preparation + found.starting + phase.seconds + found.final
    )
    assert phase.seconds == pytest.approx(3 * (phase.training + phase.evaluation))
    assert found.peak_memory is None or found.peak_memory > 2**20


def test_without_validation_none_is_reckoned() -> None:
    found = cost(data(), epochs=1, val_fraction=0)
    assert found.validation_images == 0
    assert found.phases[0].evaluation == 0.0
    assert found.final > 0


def test_a_run_is_the_same_after_it() -> None:
    options: dict[str, Any] = {"model": "lenet5", "epochs": 2, "threads": 1, "quiet": True}
    alone = onestop.train(data(), name="alone", **options).model()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    cost(data(), epochs=2)
    assert torch.equal(torch.get_rng_state(), before)
    after = onestop.train(data(), name="after", **options).model()
    pairs = zip(alone.network.parameters(), after.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_it_stops_with_what_a_run_would_stop_with() -> None:
    with pytest.raises(UsageError, match="lenet5: images of 4 pixels are too small"):
        cost(data(), image_size=4)
    with pytest.raises(UsageError, match=r"--epochz: no such setting; did you mean 'epochs'"):
        cost(data(), epochz=4)


def test_slow_steps_and_waits_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that only steps and images move."""
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    real_step, real_batch = LocalStep.__call__, loader.Loader._batch

    def step(*given: Any) -> Any:
        clock[0] += 1.0
        return real_step(*given)

    def batch(*given: Any) -> Any:
        clock[0] += 0.5
        return real_batch(*given)

    monkeypatch.setattr(LocalStep, "__call__", step)
    monkeypatch.setattr(loader.Loader, "_batch", batch)
    monkeypatch.setattr(rehearsal, "_STEPS", 40.0)
    found = cost(data(64), epochs=9, batch_size=8, val_fraction=0, augment="none")
    (phase,) = found.phases
    # All 64 images are put into batches at once, in half a second; then come eight steps.
    assert phase.training == pytest.approx(8.5)
    assert phase.waiting == pytest.approx(0.5 / 8.5)
    assert found.bound_by == "computing"
    assert found.starting == pytest.approx(0.0)


@pytest.mark.thorough
def test_a_frozen_backbone_is_paid_for_once(photos: Callable[..., Path]) -> None:
    folder = photos({"red": 16, "blue": 16})
    given: dict[str, Any] = {
        "model": "squeezenet1_1",
        "image_size": 40,
        "batch_size": 6,
        "views": 2,
    }
    start = onestop.train(folder, **{**given, "views": None}, epochs=1, quiet=True, name="start")
    given |= {"weights": str(start.folder), "freeze": "backbone", "epochs": 5}
    (frozen,) = cost(folder, **given).phases
    assert (frozen.epochs, frozen.frozen) == (5, "backbone")
    assert frozen.once > 0
    head, whole = cost(folder, **given, unfreeze_after=3).phases
    assert (head.epochs, head.frozen, whole.epochs, whole.frozen) == (3, "backbone", 2, "none")
    assert head.once > 0
    assert whole.once == 0
    assert head.training < whole.training


def test_of_a_run_the_rest_is_reckoned() -> None:
    run = onestop.train("digits", model="lenet5", epochs=1, quiet=True)
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    found = onestop.dry_run(run.folder, epochs=4, quiet=True)
    assert found.epochs == 3
    with pytest.raises(UsageError, match="has done all of its 1 epoch, so nothing is left to est"):
        onestop.dry_run(run.folder, quiet=True)
    assert before == {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}


def test_the_table_and_the_json_say_the_same(capsys: Capture, tmp_path: Path) -> None:
    words = ["train", "digits", "--epochs", "2", "--dry-run", "--quiet", "--name", "mine"]
    assert main(words) == 0
    page = capsys.readouterr()
    lines = {line[:13].strip(): line[13:].strip() for line in page.out.splitlines()}
    assert lines["network"] == "lenet5, 61,706 parameters, on cpu"
    assert lines["per epoch"] == "41 steps of 32 images"
    assert "images/s" in lines["2 epochs"]
    assert {"total", "bound by"} <= lines.keys()
    assert page.err == ""
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["steps_per_epoch"], found["phases"][0]["epochs"]) == (41, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0213, "0.021 s"),
        (42.4, "42 s"),
        (59.7, "1 min 0 s"),
        (95, "1 min 35 s"),
        (8000, "2 h 13 min"),
    ],
)
def test_times_are_said_as_one_would(seconds: float, text: str) -> None:
    assert duration(seconds) == text
