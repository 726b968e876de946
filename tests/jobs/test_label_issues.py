"""Planted label errors are found by a run that starts from a probe, and by lint with a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.inference.load import load_model
from onestop.jobs import label_issues
from onestop.jobs.label_issues import issues_by
from onestop.linting.label_issues import read_label_issues
from tests.conftest import make_photos, small_weights
from tests.reliability.test_bad_inputs import contents

Capture = pytest.CaptureFixture[str]
COUNTS = {"train/red": 24, "train/green": 24, "val/red": 6, "val/green": 6}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and green images, one of each split in the wrong folder."""
    folder = make_photos(tmp_path_factory.mktemp("data") / "photos", COUNTS)
    shutil.move(folder / "train/red/003.jpg", folder / "train/green/wrong.jpg")
    shutil.move(folder / "val/green/003.jpg", folder / "val/red/wrong.jpg")
    return folder


@pytest.mark.thorough
def test_a_run_lists_them_and_its_report_shows_them(
    source: Path, weights: Path, capsys: Capture
) -> None:
    before = contents(source)
    words = ["train", str(source), "--model", "lenet5_color", "--weights", str(weights)]
    assert main([*words, "--quick", "--name", "run"]) == 0
    said = capsys.readouterr().err
    (line,) = (line for line in said.splitlines() if line.startswith("labels: "))
    assert line.startswith("labels: 2 of 60 labels look wrong, see runs/run/label_issues.csv: ")
    issues = read_label_issues(Path("runs/run/label_issues.csv"))
    assert issues
    assert {(i.image, i.label, i.suggested, i.split) for i in issues} == {
        ("train/green/wrong.jpg", "green", "red", "train"),
        ("val/red/wrong.jpg", "red", "green", "val"),
    }
    page = onestop.report("runs/run").file.read_text(encoding="utf-8")
    section = page.partition("Labels that look wrong</h2>")[2].partition("</section>")[0]
    assert section.count("<img") == 2
    assert "labelled green" in section
    assert contents(source) == before


@pytest.mark.thorough
def test_lint_finds_them_by_a_model(source: Path, weights: Path, capsys: Capture) -> None:
    words = ["lint", str(source), "--model", "lenet5_color", "--weights", str(weights), "--exact"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (finding,) = (f for f in found["findings"] if f["kind"] == "labels that look wrong")
    assert (finding["level"], finding["text"]) == ("warning", "2 of 60 labels look wrong")
    images = {group[0]["image"] for group in finding["groups"]}
    assert images == {"train/green/wrong.jpg", "val/red/wrong.jpg"}
    assert all(reason.startswith("rather ") for reason in finding["reasons"])
    folder = Path("runs/lint-photos")
    assert {i.image for i in read_label_issues(folder / "label_issues.csv") or ()} == images
    assert (folder / "lint.png").is_file()


@pytest.mark.thorough
def test_a_model_of_the_same_labels_is_no_good_judge(source: Path) -> None:
    run = onestop.train(source, model="cnn1", image_size=8, epochs=1, quiet=True, threads=1)
    notes = onestop.lint(source, model=run.folder, exact=True, quiet=True).notes
    assert any("has learned wrong ones too" in note for note in notes)


def test_arguments_of_a_model_without_one_are_refused(source: Path) -> None:
    for name, value in (("weights", "default"), ("device", "cpu")):
        with pytest.raises(UsageError, match=f"--{name} {value}: is for a model; name one with"):
            onestop.lint(source, quiet=True, **{name: value})  # type: ignore[arg-type]
    assert not Path("runs").exists()


def test_of_many_images_a_part_is_judged(
    photos: Callable[..., Path], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_issues, "CHECKED", 30)
    dataset = onestop.open_data(photos({"train/red": 20, "train/green": 20, "val/red": 20}))
    seen: list[tuple[int, int]] = []
    model = load_model("lenet5_color", weights=weights)[0]
    issues = issues_by(model, dataset, lambda *at: seen.append(at))
    assert issues.checked == 30
    assert issues.note.startswith("only 30 of 60 labels were judged")
    assert seen[-1] == (30, 30)
