"""`onestop lint`: planted faults are found and told in a table, a file and a picture, no others."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import onestop
from onestop.cli import main
from onestop.errors import DataError, UsageError
from tests.linting.test_near_duplicates import COPIES, image
from tests.reliability.bad_inputs import write_all
from tests.reliability.test_bad_inputs import contents

Capture = pytest.CaptureFixture[str]
PLACES = ("train/ants", "train/bees", "val/ants", "val/bees")


@pytest.fixture(scope="session")
def forty_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images, each unlike all others."""
    folder = tmp_path_factory.mktemp("lint")
    for number, place in enumerate(PLACES):
        (folder / place).mkdir(parents=True)
        for seed in range(10):
            image(100 * number + seed).save(folder / place / f"{seed:02d}.png")
    return folder


@pytest.fixture
def root(forty_images: Path, tmp_path: Path) -> Path:
    """Copies of them, which a test may change."""
    return Path(shutil.copytree(forty_images, tmp_path / "data"))


def kinds(root: Path, *, exact: bool = False) -> dict[str, dict[str, object]]:
    found = onestop.lint(root, out=root.parent / "runs", quiet=True, exact=exact)
    return {finding["kind"]: finding for finding in found.findings}


def names(finding: dict[str, object]) -> list[list[str]]:
    groups = finding["groups"]
    assert isinstance(groups, list)
    return [[Path(found["image"]).as_posix() for found in group] for group in groups]


def test_good_data_has_nothing_odd(root: Path, capsys: Capture) -> None:
    before = contents(root)
    assert main(["lint", str(root), "--out", str(root.parent / "runs")]) == 0
    out, said = capsys.readouterr()
    assert said == ""
    assert out.splitlines()[0] == f"{root}: 20 train, 20 val in 2 classes"
    assert out.splitlines()[-2:] == ["no problems found", str(root.parent / "runs/lint-data")]
    assert contents(root) == before
    assert [path.name for path in (root.parent / "runs/lint-data").iterdir()] == ["lint.json"]


@pytest.mark.thorough
def test_copies_across_splits_are_leaks_and_end_with_3(root: Path, capsys: Capture) -> None:
    shutil.copy(root / "train/ants/03.png", root / "val/ants/again.png")
    for number, way in enumerate(COPIES):
        with Image.open(root / f"train/bees/{number:02d}.png") as original:
            COPIES[way](original.convert("RGB")).save(
                root / f"val/bees/{way.replace(' ', '_')}.png"
            )
    command = ["lint", str(root), "--out", str(root.parent / "runs")]
    assert main(command) == 3
    out = capsys.readouterr().out
    assert "splits leak into each other" in out
    assert main([*command, "--allow-leaks", "--json"]) == 0
    found = {
        finding["kind"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]
    }
    assert names(found["copies across splits"]) == [["train/ants/03.png", "val/ants/again.png"]]
    assert sorted(names(found["near copies across splits"])) == sorted(
        [f"train/bees/{number:02d}.png", f"val/bees/{way.replace(' ', '_')}.png"]
        for number, way in enumerate(COPIES)
    )
    assert "near copies across splits" not in kinds(root, exact=True)
    assert "copies across splits" in kinds(root, exact=True)


def test_findings_say_when_they_were_made_and_of_which_images(root: Path) -> None:
    """So that those of a data set that has changed since can be told."""
    first, again = (onestop.lint(root, exact=True, quiet=True) for _ in range(2))
    stored = json.loads((first.folder / "lint.json").read_text())
    assert stored["content"] == first.content == again.content
    assert dt.datetime.fromisoformat(stored["made"]).tzinfo is not None
    path = root / "train/ants/00.png"
    path.write_bytes(path.read_bytes() + b"x")
    assert onestop.lint(root, exact=True, quiet=True).content != first.content


def test_exact_copies_are_told_by_their_pixels(root: Path) -> None:
    with Image.open(root / "train/ants/00.png") as original:
        original.save(root / "train/ants/stored_anew.bmp")
    found = kinds(root, exact=True)
    assert names(found["copies in a split"]) == [
        ["train/ants/00.png", "train/ants/stored_anew.bmp"]
    ]


def test_a_near_copy_of_one_of_several_copies_belongs_to_all(root: Path) -> None:
    shutil.copy(root / "train/ants/00.png", root / "val/ants/same.png")
    with Image.open(root / "train/ants/00.png") as original:
        original.resize((70, 60)).save(root / "train/ants/small.png")
    assert names(kinds(root)["near copies across splits"]) == [
        ["train/ants/00.png", "train/ants/small.png", "val/ants/same.png"]
    ]


def test_one_image_under_two_classes(root: Path) -> None:
    shutil.copy(root / "train/ants/00.png", root / "train/bees/again.png")
    found = kinds(root)["copies of two classes"]
    assert found["level"] == "warning"
    assert names(found) == [["train/ants/00.png", "train/bees/again.png"]]


@pytest.mark.thorough
def test_single_images_that_are_odd(root: Path) -> None:
    place = root / "train/ants"
    Image.new("RGB", (100, 100), "navy").save(place / "plain.png")
    image(501).resize((12, 10)).save(place / "tiny.png")
    image(502).resize((1800, 130)).save(place / "narrow.png")
    Image.effect_noise((5100, 5000), 50).save(place / "huge.bmp")
    image(503).convert("CMYK").save(place / "print.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    image(504).save(place / "turned.jpg", exif=exif)
    found = kinds(root, exact=True)
    assert {kind: names(finding) for kind, finding in found.items() if finding["groups"]} == {
        "one colour": [["train/ants/plain.png"]],
        "tiny": [["train/ants/tiny.png"]],
        "narrow": [["train/ants/narrow.png"]],
        "huge": [["train/ants/huge.bmp"]],
        "turned by EXIF": [["train/ants/turned.jpg"]],
        "channels": [["train/ants/print.jpg"]],
    }
    assert found["tiny"]["reasons"] == ["12x10"]
    assert found["channels"]["text"] == (
        "several channel formats: colour 44, grey 1, CMYK (print colours) 1"
    )
    assert found["formats"]["text"] == "several formats: PNG 43, JPEG 2, BMP 1"


def test_every_bad_file_is_named(root: Path, capsys: Capture) -> None:
    written = write_all(root / "train/ants")
    found = kinds(root, exact=True)
    assert capsys.readouterr().err == ""
    unreadable = {name: reason for (name,), reason in zip(
        names(found["unreadable"]), found["unreadable"]["reasons"], strict=True)}  # type: ignore[call-overload]  # fmt: skip
    other = " ".join(found["other files"]["reasons"])  # type: ignore[arg-type]
    remarked = dict(zip([n for (n,) in names(found["partly read"])],
                        found["partly read"]["reasons"], strict=True))  # type: ignore[call-overload]  # fmt: skip
    for name, file in written.items():
        path = f"train/ants/{name}"
        if file.verdict == "skipped":
            assert path in unreadable or path in other
        elif file.said:
            assert file.said in remarked[path]
    assert len(unreadable) + other.count("train/ants/") == sum(
        file.verdict == "skipped" for file in written.values()
    )


def test_classes_and_groups(root: Path) -> None:
    shutil.rmtree(root / "val/bees")
    assert kinds(root, exact=True)["missing classes"]["text"] == "split 'val' has no images of bees"
    table = root / "table.csv"
    rows = [f"{place}/{i:02d}.png,{place[-4:]},{place.split('/')[0]},film{i}" for place in
            PLACES[:3] for i in range(10)]  # fmt: skip
    table.write_text("path,label,split,group\n" + "\n".join(rows) + "\n")
    assert kinds(table, exact=True)["groups across splits"]["level"] == "leak"


def test_the_contact_sheet_shows_what_was_found(root: Path) -> None:
    shutil.copy(root / "train/ants/03.png", root / "val/ants/🐜 <b>ü\n.png")
    (root / "train/ants/page.png").write_text("<html>")
    for number in range(40):
        shutil.copy(root / "train/ants/05.png", root / f"train/ants/copy{number}.png")
    found = onestop.lint(root, out=root.parent / "runs", quiet=True)
    with Image.open(found.folder / "lint.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert sheet.width == 1200
    assert 300 < sheet.height < 3000
    with Image.open(root / "train/ants/03.png") as original:
        small = np.asarray(original.convert("RGB").resize((112, 90), Image.Resampling.LANCZOS))
    where = [
        (y, x)
        for y in range(pixels.shape[0] - 90)
        for x in (32, 152)  # the first frame's two tiles
        if np.array_equal(pixels[y : y + 90, x : x + 112], small)
    ]
    assert [x for _, x in where] == [32, 152]


@pytest.mark.thorough
def test_sets_known_by_name_and_arrays() -> None:
    assert onestop.lint("digits", quiet=True).leaks == []
    images = np.stack([np.asarray(image(seed)) for seed in range(24)])
    twice = np.concatenate([images, images[:2]])
    found = onestop.lint({"train": (images, np.arange(24) % 2), "val": (twice[-4:], [0, 1, 0, 1])})
    assert [(f["kind"], f["images"]) for f in found.leaks] == [("copies across splits", 8)]


def test_what_cannot_be_linted(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds vectors"):
        onestop.lint((np.zeros((40, 3)), np.arange(40) / 40), out=tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        onestop.lint(root / "none")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").touch()
    with pytest.raises(UsageError, match="is a run itself"):
        onestop.lint(root, out=tmp_path / "run")
    assert not list(tmp_path.glob("lint-*"))


def test_nothing_is_overwritten_and_nothing_left_where_it_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = root.parent / "runs"
    folders = [onestop.lint(root, out=runs, exact=True, quiet=True).folder for _ in range(2)]
    assert [folder.name for folder in folders] == ["lint-data", "lint-data-2"]

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("onestop.linting.lint_dataset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        onestop.lint(root, out=runs, quiet=True)
    assert sorted(path.name for path in runs.iterdir()) == ["lint-data", "lint-data-2"]


def test_training_warns_of_what_is_cheap_to_find(
    root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(root / "train/ants/03.png", root / "val/ants/again.png")
    runs: Callable[..., object] = onestop.train
    runs(root, model="cnn1", image_size=8, epochs=1, out=root.parent / "runs")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert lines == [
        "warning: 2 images, exact copies of each other, are in several splits (details: onestop lint)"
    ]
