"""What is known of a run, whatever is gone, damaged or not there yet."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.reporting import write_report
from onestop.reporting.gather import gather
from onestop.reporting.summary import headline
from tests.conftest import REPOSITORY
from tests.reporting.html import Page

Trained = Callable[..., onestop.Run]


@pytest.mark.thorough
def test_data_that_are_gone_or_changed_are_told(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained("first")
    found = gather(run.folder, data_root=None)
    assert found.gone == []
    recipe = (run.folder / "recipe.yaml").read_text()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("metrics.json", "metrics.csv", "predictions.csv", "model.safetensors", "log.txt"):
        (copy / name).write_bytes((run.folder / name).read_bytes())
    (copy / "recipe.yaml").write_text(re.sub("source: .*", "source: nowhere", recipe))
    found = gather(copy)
    assert "images are not shown: nowhere" in found.gone[0]
    page = Page(write_report(found))
    assert "images are not shown" in page.sections["samples"]
    assert len(found.predictions) == 17


def test_a_run_that_was_stopped_is_scored_on_the_validation_split(
    trained: Trained, tmp_path: Path
) -> None:
    run = trained("first")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("metrics.csv", "model.safetensors", "log.txt", "recipe.yaml"):
        (copy / name).write_bytes((run.folder / name).read_bytes())
    found = gather(copy)
    assert found.state == "stopped"
    assert found.split == "val", "never the test split before the end"
    assert len(found.predictions) == found.metrics["images"] > 0
    assert "so far classifies" in headline(found)
    page = Page(write_report(found))
    assert "The run was stopped after 6 of 6 epochs" in page.sections["result"]
    assert "mistakes" in page.sections


def test_predictions_of_an_earlier_version_are_made_anew(trained: Trained, tmp_path: Path) -> None:
    run = trained("first")
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in run.folder.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "predictions.csv").write_text("image,truth,predicted,score,correct\na,b,c,0.5,0\n")
    found = gather(copy)
    assert [v.image for v in found.predictions] == [v.image for v in run.predictions]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("metrics.csv", b"\x8e\xff\x00", "metrics.csv cannot be read"),
        ("metrics.csv", b"epoch,step,seconds,lr\n1,2", "metrics.csv cannot be read"),
        ("metrics.csv", b"", "metrics.csv cannot be read"),
        ("predictions.csv", b"\x8e\xff\x00", ""),
        ("skipped.csv", b"\x8e\xff\x00", "None were noticed"),
        ("skipped.csv", b"other\nx,y,z\n", ""),
        ("run.json", b"\x8e\xff\x00", "Notes of this run were not recorded"),
        ("run.json", b'{"notes": ["note: all is <i>well</i>", 3]}', "all is <i>well</i>"),
    ],
)
def test_a_damaged_file_costs_its_part_of_the_page(
    trained: Trained, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained("first").folder, copy)
    info = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**info, "notes": []}))
    (copy / name).write_bytes(content)
    found = gather(copy)
    page = Page(write_report(found))
    assert "of 17 held-out test images correctly" in page.sections["result"]
    assert len(found.predictions) == 17
    assert told in " ".join([*page.sections.values(), *found.gone])


def test_predictions_that_are_cut_are_made_anew(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained("first").folder, copy)
    whole = (copy / "predictions.csv").read_text().splitlines(keepends=True)
    (copy / "predictions.csv").write_text("".join(whole[:9]))
    assert len(gather(copy).predictions) == 17


def test_a_run_whose_model_is_damaged_keeps_what_it_said(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in trained("first").folder.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "model.safetensors").write_bytes(b"damaged")
    page = Page(write_report(gather(copy)))
    assert "classifies " in page.sections["result"]
    assert "17 held-out test images correctly" in " ".join(page.sections["result"].split())
    assert "the network cannot be loaded" in page.sections["samples"]
    assert "confusion" in page.sections


@pytest.mark.thorough
def test_a_network_of_ones_own_is_looked_into_where_it_is_named(
    odd_photos: Path, tmp_path: Path
) -> None:
    code = (REPOSITORY / "CONTRIBUTING.md").read_text().partition("```python\n")[2]
    Path("mine.py").write_text(code.partition("```")[0])
    run = onestop.train(odd_photos, model="mine.py:Mine", image_size=16, epochs=1, quiet=True)
    alone = Page(onestop.report(run.folder).file)
    assert "with your own network mine.py:Mine" in alone.sections["samples"]
    named = Page(onestop.report(run.folder, network="mine.py:Mine").file)
    assert len(named.of("img")) > 20
