"""The page of a run: every part of it is there, true, and harmless."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import onestop
from onestop.cli import main
from onestop.reporting import gather, write_report
from onestop.reporting.blocks import Table
from onestop.reporting.classes import class_table
from onestop.reporting.images import training_tiles
from onestop.reporting.summary import headline
from onestop.tasks import Label
from tests.conftest import REPOSITORY
from tests.reporting.conftest import ODD
from tests.reporting.html import Page

Trained = Callable[..., onestop.Run]
SECTIONS = [
    "result", "curves", "samples", "classes", "confusion", "pairs", "mistakes", "uncertain",
    "calibration", "data", "time", "repeat",
]  # fmt: skip


@pytest.fixture
def page(trained: Trained) -> Page:
    return Page(trained("first").folder / "report.html")


def test_every_part_is_there_in_order_and_says_something(page: Page) -> None:
    assert list(page.sections) == SECTIONS
    assert all(len(text.split()) > 5 for text in page.sections.values())
    assert page.unbalanced == []


def test_it_asks_nothing_of_any_network_and_runs_no_script(page: Page, trained: Trained) -> None:
    policy = [m["content"] or "" for m in page.of("meta") if "http-equiv" in m]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert not page.of("script")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{tag} {name}"
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("data:", "#")), f"{tag} {name}={value}"
    assert len((trained("first").folder / "report.html").read_bytes()) < 5_000_000


def test_names_are_escaped(page: Page) -> None:
    assert ODD in page.sections["classes"]
    assert not page.of("b") or all("style" in b for b in page.of("b")), "only the bars of shares"
    assert '"><i>.jpg' in page.sections["data"]


def test_pictures_have_words_for_those_who_cannot_see_them(page: Page) -> None:
    images = page.of("img")
    assert len(images) > 20
    assert all(len(image["alt"] or "") > 10 for image in images)
    plots = [div for div in page.of("div") if div.get("role") == "img"]
    assert len(plots) == len(page.of("svg")) == 6
    assert all(len(div["aria-label"] or "") > 10 for div in plots)


def test_no_two_elements_have_one_id(page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []


def test_the_sentence_says_how_well_and_how_sure(page: Page, trained: Trained) -> None:
    metrics = trained("first").metrics
    hits = round(metrics["accuracy"] * metrics["images"])
    said = " ".join(page.sections["result"].split())
    assert "lenet5 was trained on odd photos (2 classes, 22 training images)" in said, "read"
    assert f"classifies {hits} of 17 held-out test images correctly" in said
    assert f"accuracy {metrics['accuracy']:.1%} (95% confidence interval " in said
    assert f"Always predicting {ODD!r} would be right 53% of the time" in said


def test_classes_with_few_images_are_warned_of(page: Page) -> None:
    assert "2 classes have fewer than 30 held-out images" in page.sections["classes"]


def test_the_confusion_matrix_is_beside_it_in_numbers(trained: Trained) -> None:
    folder = trained("first").folder
    with (folder / "confusion.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["images"]) for row in rows) == 17
    right = sum(int(row["images"]) for row in rows if row["truth"] == row["predicted"])
    assert right / 17 == pytest.approx(trained("first").metrics["accuracy"])


def test_mistakes_are_ordered_by_their_loss(page: Page, trained: Trained) -> None:
    wrong = sorted(
        (v for v in trained("first").predictions if not v.correct), key=lambda v: -(v.loss or 0.0)
    )
    assert len(wrong) >= 3, "those with the wrong labels at least"
    shown = re.findall(r"\d{3}\.jpg", page.sections["mistakes"])
    assert shown == [Path(v.image).name for v in wrong[:12]]


def test_the_command_in_it_repeats_the_run(
    page: Page, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained("first")
    (command,) = re.findall(r"onestop train .*", page.sections["repeat"])
    words = shlex.split(command)
    assert words[2] == run.recipe.data.source, "whose name has a blank"
    assert main([*words[1:], "--quiet", "--name", "again"]) == 0
    again = onestop.Run("runs/again")
    assert again.recipe == run.recipe
    predictions = [(one.folder / "predictions.csv").read_bytes() for one in (run, again)]
    assert predictions[0] == predictions[1]


def test_training_images_are_as_the_network_saw_them(page: Page) -> None:
    assert page.sections["samples"].count(".jpg") == 22, "all but the one that cannot be read"


def test_a_run_without_mistakes_or_pictures_says_so(
    trained: Trained, tmp_path: Path, odd_photos: Path
) -> None:
    run = trained("first")
    found = gather(run.folder)
    found.predictions = [v for v in found.predictions if v.correct]
    found.dataset = None
    text = Page(write_report(found, tmp_path / "r.html")).sections
    assert "There are none" in text["mistakes"]
    assert "No image is misclassified" in text["pairs"]
    assert ".jpg" in text["uncertain"], "a table instead of pictures"


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


def test_a_run_that_has_just_begun_has_a_page_too(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    recipe = (trained("first").folder / "recipe.yaml").read_bytes()
    (copy / "recipe.yaml").write_bytes(recipe)
    page = Page(write_report(gather(copy)))
    assert "no epoch has been scored yet" in page.sections["result"]
    assert list(page.sections) == ["result", "curves", "data", "repeat"]


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


def test_notes_are_those_of_the_run_and_not_of_its_log(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained("first").folder, copy)
    (copy / "log.txt").write_text("2026-01-01 00:00:00 note: of the log\n")
    notes = onestop.Run(copy).info.notes
    assert notes
    data = Page(write_report(gather(copy))).sections["data"]
    assert "of the log" not in data
    assert all(note.partition(": ")[2] in data for note in notes)
    (copy / "run.json").unlink()
    data = Page(write_report(gather(copy))).sections["data"]
    assert "Notes of this run were not recorded" in data
    assert "of the log" not in data


def test_predictions_that_are_cut_are_made_anew(trained: Trained, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained("first").folder, copy)
    whole = (copy / "predictions.csv").read_text().splitlines(keepends=True)
    (copy / "predictions.csv").write_text("".join(whole[:9]))
    assert len(gather(copy).predictions) == 17


def test_a_class_that_was_never_named_has_no_precision(trained: Trained) -> None:
    found = gather(trained("first").folder)
    found.predictions = [
        dataclasses.replace(v, labels=(Label("blue", 0.5),), correct=v.truth == ("blue",))
        for v in found.predictions
    ]
    table = class_table(found)[-1]
    assert isinstance(table, Table)
    assert {row[0]: row[3] for row in table.rows}[ODD] == "never predicted"


def test_mixed_images_are_those_of_the_first_batches(odd_photos: Path) -> None:
    run = onestop.train(
        odd_photos, model="lenet5", image_size=32, epochs=1, batch_size=8, mixup=1.0, quiet=True
    )
    found = gather(run.folder)
    assert found.dataset is not None
    assert found.model is not None
    tiles = training_tiles(run.recipe, found.dataset, found.model)
    assert len(tiles) > 16
    mixed = [
        sorted(set(re.findall(r"\d+%", tile.lines[0]))) for tile in tiles if "+" in tile.lines[0]
    ]
    assert len({tuple(shares) for shares in mixed}) > 1, "each batch has its own proportion"


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


def test_numbers_have_a_page_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_REPORT", "1")
    x = np.linspace(-1, 1, 60, dtype=np.float32)
    run = onestop.train((x, 2 * x + 1), model="linear", epochs=20, quiet=True)
    page = Page(run.folder / "report.html")
    assert list(page.sections) == ["result", "curves", "fit", "data", "time", "repeat"]
    result = " ".join(page.sections["result"].split())
    assert re.search(r"a root mean squared error of \S+ \(95% confidence interval \S+ to", result)
    assert "onestop.train(data, recipe=" in page.sections["repeat"]
    assert "linear was trained on data passed in Python" in page.sections["result"]
    found = gather(run.folder)
    assert "% of their variance" in headline(found)
    found.metrics["r2"] = -0.008
    assert "; no better than always predicting their mean." in headline(found)
    labels = [tag["aria-label"] or "" for tag in page.of("div") if "aria-label" in tag]
    assert any("val_rmse" in label for label in labels)
    assert "passed in Python" in gather(run.folder).gone[0]


@pytest.mark.parametrize("error", [onestop.OneStopError("no room"), AttributeError("no room")])
def test_a_page_that_cannot_be_written_does_not_spoil_the_run(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setenv("ONESTOP_REPORT", "1")
    monkeypatch.setattr("onestop.reporting.write_report", fail)
    run = onestop.train("digits", epochs=1, model="lenet5")
    assert "warning: no report.html (no room); try again with: onestop report" in (
        capsys.readouterr().err
    )
    assert json.loads((run.folder / "metrics.json").read_text())["images"] > 0
