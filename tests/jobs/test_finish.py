"""The end of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.cli import main

OPTIONS: dict[str, Any] = {"threads": 1, "epochs": 1, "lr": 1e-9, "image_size": 32}
SAID = "is predicted for all 20 images, and is wrong for 10 of them; likely causes"


@pytest.fixture
def run(photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> onestop.Run:
    """Of two classes whose pictures all look alike; nothing is learned."""
    monkeypatch.setenv("ONESTOP_REPORT", "1")
    source = photos({"grey": 40, "silver": 40})
    pixels = np.full((8, 8, 3), 120, np.uint8)
    from PIL import Image

    for path in source.rglob("*.jpg"):
        Image.fromarray(pixels).save(path)
    return onestop.train(source, model="lenet5_color", val_fraction=0.25, name="run", **OPTIONS)


def test_one_answer_to_everything_is_said_wherever_the_result_is(
    run: onestop.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert SAID in (run.folder / "log.txt").read_text()
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert [SAID in warning for warning in metrics["warnings"]] == [True]
    assert SAID in (run.folder / "report.html").read_text().replace("&#39;", "'")
    assert not any(SAID in note for note in run.info.notes or ()), "it is true until it goes on"
    assert main(["evaluate", str(run.folder)]) == 0
    assert SAID in capsys.readouterr().err
    assert SAID in onestop.evaluate(run.folder).metrics["warnings"][0]


def test_a_network_that_tells_them_apart_has_no_warning() -> None:
    run = onestop.train("digits", model="lenet5", epochs=2, lr=0.05, threads=1, quiet=True)
    assert "warnings" not in run.metrics
    assert "warnings" not in onestop.evaluate(run.folder).metrics


def test_of_numbers_too(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(60, 3)).astype(np.float32)
    run = onestop.train((inputs * 1e-4, inputs.sum(1)), **{**OPTIONS, "image_size": None})
    assert "nearly the same is predicted for all" in capsys.readouterr().err
    assert run.metrics["warnings"][0].startswith("nearly the same is predicted for all 6 samples")
