"""`onestop curve`: in Python and on the command line, from a file of weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.errors import DataError, UsageError
from tests.conftest import make_photos, small_weights

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {"train/red": 32, "train/green": 32, "val/red": 4, "val/green": 4}
    return make_photos(tmp_path_factory.mktemp("data") / "photos", counts)


@pytest.mark.thorough
def test_a_table_a_sentence_and_a_picture(
    source: Path, weights: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = ["curve", str(source), "--model", "lenet5_color", "--weights", str(weights), "--quiet"]
    assert main([*words, "--out", "curve.png"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"{source}: a linear model on features of lenet5_color"
    assert "with twice the images (128) accuracy would be about" in out
    assert out.count("measured") >= 3
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["curve.png"]
    assert main([*words, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["metric"], values["images"]) == ("accuracy", 64)
    assert values["points"][-1]["value"] > 0.9
    assert main([*words, "--out", "curve.png"]) == 2
    assert "already exists" in capsys.readouterr().err


@pytest.mark.thorough
def test_in_python_it_is_a_curve(source: Path, weights: Path) -> None:
    curve = onestop.curve(source, model="lenet5_color", weights=str(weights), quiet=True)
    assert [round(p["images"]) for p in curve.points][-1] == 51
    assert curve.now.low <= curve.now.value <= curve.now.high


def test_without_pretrained_features_it_says_what_to_do(
    source: Path, photos: Callable[..., Path], weights: Path
) -> None:
    with pytest.raises(UsageError, match=r"random weights have no features .*; name a network and"):
        onestop.curve(source, model="lenet5_color", weights="none", quiet=True)
    few = photos({"train/red": 4, "train/green": 4, "val/red": 2, "val/green": 2})
    with pytest.raises(DataError, match="8 training images are too few for a curve"):
        onestop.curve(few, model="lenet5_color", weights=str(weights), quiet=True)
