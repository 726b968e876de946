"""`onestop convert`: annotations in another format, with their images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.errors import DataError, UsageError
from tests.objects_made import write_coco


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("objects")
    write_coco(root, {"train": 3, "val": 1})
    return root


@pytest.mark.parametrize("to", ["coco", "voc", "yolo"])
def test_it_is_opened_like_any_source(source: Path, tmp_path: Path, to: str) -> None:
    done = onestop.convert(source, to=to, out=tmp_path / "out")  # type: ignore[arg-type]
    assert dict(done.images) == {"train": 3, "val": 1}
    again = onestop.open_data(tmp_path / "out", for_training=False)
    assert {split: len(x) for split, x in again.splits.items()} == {"train": 3, "val": 1}
    assert again.splits["train"].content(0) in {p.read_bytes() for p in source.rglob("*.png")}


def test_from_the_command_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["convert", str(source), "--to", "yolo", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "yolo: train 3 images" in printed
    assert "masks written as boxes" in printed
    assert str(out) in printed
    assert main(["convert", str(source), "--to", "coco", "--out", f"{out}2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == {"train": 3, "val": 1}


def test_nothing_is_overwritten(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="is there already; name a new folder"):
        onestop.convert(source, to="coco", out=tmp_path)
    with pytest.raises(DataError, match="has no objects"):
        onestop.convert("digits", to="coco", out=tmp_path / "new")
