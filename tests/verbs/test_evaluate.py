"""Scoring a trained model: on what it was trained on, and on anything else with known classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import onestop
from onestop.cli import main
from onestop.errors import DataError, UsageError
from tests.verbs.conftest import COLOURS, Trained

Capture = pytest.CaptureFixture[str]
CLOCK = ("seconds", "images_per_second", "waiting", "scoring")


def without_clock(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if key not in CLOCK}


@pytest.mark.parametrize("what", ["run", "file"])
def test_a_run_scores_as_training_said(trained: Trained, what: str) -> None:
    model = trained.run.folder if what == "run" else trained.model
    found = onestop.evaluate(model, device="cpu")
    assert without_clock(found.metrics) == without_clock(trained.metrics)
    assert (str(found.model), found.source) == (trained.model, str(trained.source))


def test_json_has_the_keys_of_a_runs_metrics(trained: Trained, capsys: Capture) -> None:
    assert main(["evaluate", str(trained.run.folder), "--device", "cpu", "--json"]) == 0
    said = capsys.readouterr()
    printed = json.loads(said.out)
    low, high = printed["intervals"]["accuracy"]
    assert low < printed["accuracy"] <= high
    del printed["intervals"]
    assert printed.keys() == trained.metrics.keys() - {"waiting"}
    assert without_clock(printed) == without_clock(trained.metrics)
    assert all(printed[key] > 0 for key in CLOCK if key in printed)
    assert said.err == ""


def test_a_person_gets_a_table_of_classes_and_a_line(trained: Trained, capsys: Capture) -> None:
    assert main(["evaluate", str(trained.run.folder)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0].split() == ["class", "images", "precision", "recall", "f1"]
    assert [line.split()[:2] for line in lines[2:5]] == [[colour, "3"] for colour in COLOURS]
    accuracy = f"accuracy {trained.metrics['accuracy']:.2%}"
    assert lines[-2].startswith(f"{trained.source} (test): {accuracy}, macro F1")
    assert lines[-2].endswith("on 9 images")
    assert lines[-1].startswith("95 % intervals: accuracy ")


@pytest.mark.parametrize(("split", "images"), [("train", 33), ("val", 3), ("test", 9)])
def test_each_split_is_cut_as_it_was_in_training(trained: Trained, split: str, images: int) -> None:
    found = onestop.evaluate(trained.run.folder, split=split)
    assert (found.metrics["split"], found.metrics["images"]) == (split, images)


def test_a_split_that_is_not_there_is_answered_with_those_that_are(
    trained: Trained, capsys: Capture
) -> None:
    assert main(["evaluate", str(trained.run.folder), "--split", "dev"]) == 3
    said = capsys.readouterr()
    assert said.err == (f"onestop: {trained.source}: has no split 'dev'; it has train, test, val\n")
    assert said.out == ""


def test_another_folder_is_scored_whole(trained: Trained, photos: Callable[..., Path]) -> None:
    folder = photos({"red": 4, "green": 5, "blue": 6})
    metrics = onestop.evaluate(trained.run.folder, data=folder).metrics
    assert (metrics["images"], metrics["accuracy"]) == (15, 1.0)
    assert [row["images"] for row in metrics["per_class"].values()] == [6, 5, 4]


def test_classes_are_matched_by_name_where_some_are_missing(
    trained: Trained, photos: Callable[..., Path]
) -> None:
    metrics = onestop.evaluate(trained.run.folder, data=photos({"red": 4, "blue": 4})).metrics
    assert metrics["accuracy"] == 1.0
    assert {name: row["images"] for name, row in metrics["per_class"].items()} == {
        "blue": 4, "green": 0, "red": 4,
    }  # fmt: skip


def test_a_single_class_can_be_scored(trained: Trained, photos: Callable[..., Path]) -> None:
    assert onestop.evaluate(trained.run.folder, data=photos({"red": 4})).metrics["accuracy"] == 1


class Backwards:
    """A torch data set that numbers the same classes the other way round."""

    classes = COLOURS[::-1]

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.targets = [0, 1, 2]

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        with Image.open(self.trained.photo(self.classes[index])) as image:
            return image.convert("RGB"), index


def test_classes_are_matched_by_name_where_their_order_differs(trained: Trained) -> None:
    metrics = onestop.evaluate(trained.run.folder, data={"train": Backwards(trained)}).metrics
    assert (metrics["accuracy"], metrics["images"]) == (1.0, 3)


def test_unknown_classes_are_listed_beside_the_known(
    trained: Trained, photos: Callable[..., Path], capsys: Capture
) -> None:
    folder = photos({"red": 2, "violet": 2, "amber": 2})
    assert main(["evaluate", str(trained.run.folder), "--data", str(folder)]) == 3
    assert capsys.readouterr().err == (
        f"onestop: {folder}: has classes the model does not know: amber, violet; "
        "it knows blue, green, red\n"
    )


def test_other_data_may_have_splits_of_its_own(
    trained: Trained, photos: Callable[..., Path]
) -> None:
    folder = photos({"train/red": 2, "train/blue": 2, "test/red": 1, "test/green": 0})
    assert onestop.evaluate(trained.run.folder, data=folder).metrics["images"] == 1
    assert onestop.evaluate(trained.run.folder, data=folder, split="train").metrics["images"] == 4


def test_unreadable_images_are_counted_and_left_out(
    trained: Trained, photos: Callable[..., Path], capsys: Capture
) -> None:
    folder = photos({"red": 3, "blue": 3})
    (folder / "red" / "001.jpg").write_bytes(b"no image")
    metrics = onestop.evaluate(trained.run.folder, data=folder).metrics
    assert (metrics["images"], metrics["skipped"], metrics["accuracy"]) == (5, 1, 1.0)


def test_nothing_but_unreadable_images_is_an_error(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "bad" / "red").mkdir(parents=True)
    (tmp_path / "bad" / "red" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"split 'train' can be read \(red/0\.jpg \(not an image"):
        onestop.evaluate(trained.run.folder, data=tmp_path / "bad")


def test_scoring_changes_nothing_on_disk_nor_in_chance(trained: Trained) -> None:
    before = {p: p.stat().st_mtime_ns for p in trained.run.folder.rglob("*")}
    state = torch.get_rng_state()
    onestop.evaluate(trained.run.folder)
    assert {p: p.stat().st_mtime_ns for p in trained.run.folder.rglob("*")} == before
    assert torch.equal(torch.get_rng_state(), state)
    assert list(Path().iterdir()) == []


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    """A run that learned a straight line from arrays."""
    x = np.linspace(0, 1, 20, dtype=np.float32)
    out = tmp_path_factory.mktemp("line")
    return onestop.train(
        (x, 2 * x + 1), epochs=3, val_fraction=0, device="cpu", quiet=True, out=out
    )


class TestDataFromPython:
    """Of such data a run cannot know where it is."""

    def test_it_has_to_be_given_again(self, line: onestop.Run) -> None:
        with pytest.raises(UsageError, match="trained on data passed in Python; name images with"):
            onestop.evaluate(line.folder)

    def test_given_again_it_scores_as_training_said(self, line: onestop.Run) -> None:
        x = np.linspace(0, 1, 20, dtype=np.float32)
        found = onestop.evaluate(line.folder, data=(x, 2 * x + 1), device="cpu").metrics
        assert without_clock(found) == without_clock(line.metrics)

    def test_classes_are_no_numbers(self, line: onestop.Run, photos: Callable[..., Path]) -> None:
        with pytest.raises(DataError, match="has class names as targets, the model gives numbers"):
            onestop.evaluate(line.folder, data=photos({"red": 2, "blue": 2}))

    def test_numbers_are_no_classes(self, trained: Trained) -> None:
        numbers = np.zeros(3, np.float32)
        with pytest.raises(DataError, match="has numbers as targets, the model gives class names"):
            onestop.evaluate(trained.run.folder, data=(np.zeros((3, 40, 40, 3), np.uint8), numbers))


# --- tables whose columns were named ---


@pytest.fixture(scope="module")
def ages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tables of numbers and their images, in folders of their own: the grey is the number."""
    folder = tmp_path_factory.mktemp("ages")
    for split, count in (("train", 20), ("test", 5)):
        (folder / split).mkdir()
        lines = ["id,age,sex"]
        for number in range(count):
            grey = np.full((8, 8, 3), 12 * number, np.uint8)
            Image.fromarray(grey).save(folder / split / f"{number:03d}.png")
            lines.append(f"{number:03d},{number / 2 if split == 'train' else 100 + number},m")
        (folder / f"{split}.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def numbers_run(ages: Path) -> onestop.Run:
    return onestop.train(
        ages / "train.csv", task="regression", label_column="age", image_root="train",
        suffix=".png", model="lenet5_color", epochs=1, threads=1, workers=1, device="cpu",
        quiet=True, out=ages / "runs",
    )  # fmt: skip


def test_a_run_reads_its_table_as_in_training(numbers_run: onestop.Run) -> None:
    found = onestop.evaluate(numbers_run.folder)
    assert (found.metrics["split"], found.metrics["images"]) == ("val", 2)
    assert found.metrics["rmse"] == pytest.approx(numbers_run.metrics["rmse"])
    longer = onestop.train(numbers_run.folder, epochs=2, quiet=True)
    assert longer.metrics["epochs"] == 2
    prediction = onestop.predict(
        numbers_run.folder, Path(found.source).parent / "test" / "001.png"
    )[0]
    assert float(prediction.label) == pytest.approx(prediction.score, rel=1e-4)


def test_another_table_shares_its_columns_and_not_its_folder(
    numbers_run: onestop.Run, ages: Path
) -> None:
    with pytest.raises(DataError, match=r"no file '000'; .* --image-root test or train"):
        onestop.evaluate(numbers_run.folder, data=ages / "test.csv")
    found = onestop.evaluate(numbers_run.folder, data=ages / "test.csv", image_root="test")
    assert found.metrics["images"] == 5
    assert found.metrics["mae"] > 50  # the numbers of that table
    with pytest.raises(
        UsageError, match="--label-column sex: the training data are read as in tra"
    ):
        onestop.evaluate(numbers_run.folder, label_column="sex")
    with pytest.raises(DataError, match="label 'm' is not a number"):
        onestop.evaluate(
            numbers_run.folder, data=ages / "test.csv", image_root="test", label_column="sex"
        )


def test_lint_and_info_take_the_same_settings(
    ages: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ages)
    words = ["--task", "regression", "--label-column", "age", "--image-root", "train"]
    words += ["--suffix", "png", "--json"]
    assert main(["info", "train.csv", *words]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["splits"] == {"train": 20}
    assert main(["lint", "train.csv", *words, "--exact", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == {"train": 20}
    assert main(["info", "lenet5", "--task", "regression"]) == 2
    assert "--task regression: is for a data set" in capsys.readouterr().err


OPTIONS: dict[str, Any] = {
    "model": "lenet5_color", "image_size": 32, "epochs": 1, "val_fraction": 0.2, "threads": 1,
    "device": "cpu", "quiet": True,
}  # fmt: skip


class TestDataThatChangedSince:
    """The images that training held out are scored, and what has changed is said."""

    def test_images_that_were_added_change_nothing_and_are_counted(
        self, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        """Else another tenth would be held out, and images scored that were trained on."""
        root = photos({"red": 20, "blue": 20})
        run = onestop.train(root, **OPTIONS)
        before = onestop.evaluate(run.folder, device="cpu")
        for path in sorted(photos({"red": 10}, "new", ".png").rglob("*.png")):
            path.rename(root / "red" / f"00{path.name}")
        assert main(["evaluate", str(run.folder), "--device", "cpu", "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert without_clock(printed) == {
            **without_clock(before.metrics),
            "intervals": {name: list(ends) for name, ends in before.intervals.items()},
            "notes": [
                f"note: {root} has changed since training: 10 new images not scored; to score other "
                "images, name them with --data"
            ],
        }
        assert main(["evaluate", str(run.folder)]) == 0
        said = capsys.readouterr()
        assert "10 new images not scored" in said.err
        assert "on 8 images" in said.out
        now = onestop.evaluate(run.folder, split="train")
        assert (now.metrics["images"], now.trained_on) == (32, 32)

    def test_training_images_among_others_are_counted(
        self, photos: Callable[..., Path], tmp_path: Path, capsys: Capture
    ) -> None:
        run = onestop.train(photos({"red": 20, "blue": 20}), **OPTIONS)
        other = photos({"red": 8, "blue": 7}, "other", ".png")
        held = {prediction.image for prediction in run.predictions}
        trained = [path for path in sorted((tmp_path / "photos").rglob("*.jpg"))
                   if path.relative_to(tmp_path / "photos").as_posix() not in held]  # fmt: skip
        for number, path in enumerate(trained[:5]):
            shutil.copy(path, other / "red" / f"copy{number}.jpg")
        assert main(["evaluate", str(run.folder), "--data", str(other)]) == 0
        assert "note: 5 of the 20 images scored were trained on\n" in capsys.readouterr().err
        found = onestop.evaluate(run.folder / "model.safetensors", data=other)
        assert found.to_json()["trained_on"] == 5

    def test_nothing_left_of_what_was_held_out_is_an_error(
        self, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        root = photos({"train/red": 9, "train/blue": 9, "test/red": 2, "test/blue": 2})
        run = onestop.train(root, **OPTIONS)
        for path in (root / "test").rglob("*.jpg"):
            path.unlink()
        assert main(["evaluate", str(run.folder)]) == 3
        assert capsys.readouterr().err == (
            f"onestop: {root}: the 4 images of split 'test' are gone or have changed since training; "
            "name other images with --data\n"
        )


def test_arrays_that_are_given_again_have_their_held_out_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 28, 28, 1), dtype=np.uint8)
    data = (images, np.arange(30) % 2)
    run = onestop.train(data, **{**OPTIONS, "model": "lenet5"})
    found = onestop.evaluate(run.folder, data=data, split="val", device="cpu")
    assert without_clock(found.metrics) == without_clock(run.metrics)
    assert found.trained_on == 0
    whole = onestop.evaluate(run.folder, data=data)
    assert whole.trained_on == 24
    assert whole.notes == ("note: 24 of the 30 images scored were trained on",)


def test_a_run_that_starts_from_weights_says_what_those_were_trained_on(
    photos: Callable[..., Path],
) -> None:
    root = photos({"red": 20, "blue": 20})
    first = onestop.train(root, **OPTIONS)
    second = onestop.train(root, weights=str(first.folder), seed=1, **OPTIONS)
    warned = [note for note in second.info.notes or () if "was trained on" in note]
    assert len(warned) == 1
    assert warned[0].startswith(f"warning: {first.folder} was trained on ")
    found = onestop.evaluate(second.folder)
    assert 0 < found.trained_on <= 8
    assert f"was trained on {found.trained_on} of the 8 held-out images" in warned[0]
    same = onestop.train(root, weights=str(first.folder), **OPTIONS)
    assert not [note for note in same.info.notes or () if "was trained on" in note]
    assert onestop.evaluate(same.folder).trained_on == 0


def test_data_may_be_named_in_second_place_or_by_its_flag(
    trained: Trained, capsys: Capture
) -> None:
    run, source = str(trained.run.folder), str(trained.source)
    pages = []
    for words in (
        [run, source],
        [run, "--data", source],
        ["--data", source, run],
        [run, f"--data={source}"],
    ):
        assert main(["evaluate", *words, "--split", "test"]) == 0
        pages.append(capsys.readouterr().out)
    assert len(set(pages)) == 1
    assert main(["evaluate", run, source, source]) == 2


def test_a_networks_folder_may_be_named_as_people_name_imagenets(
    tmp_path: Path, capsys: Capture
) -> None:
    """With a stand-in of random values; what counts is which output is compared."""
    weights = tmp_path / "w.pth"
    torch.manual_seed(0)
    torch.save(onestop.build("lenet5_color", 1000).state_dict(), weights)
    for folder in ("n02219486_ant", "309"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        for k in range(2):
            image = Image.effect_noise((40, 40), 90 + k).convert("RGB")
            image.save(tmp_path / "photos" / folder / f"{k}.png")
    words = ["evaluate", "lenet5_color", str(tmp_path / "photos"), "--weights", str(weights)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name for name, row in found["per_class"].items() if row["images"]} == {"ant", "bee"}
    assert len(found["per_class"]) == 1000
    assert main([*words, "--restrict", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["per_class"].keys() == {"ant", "bee"}
    (tmp_path / "map.csv").write_text("ant,insect\nn02206856,insect\n")
    assert main([*words, "--map", str(tmp_path / "map.csv")]) == 0
    page = capsys.readouterr().out
    assert " insect        4" in page
    assert "(and 998 of which there are no images)" in page


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("vgg13", "vgg13: was not trained here; name the images to score it on"),
        ("vgg13 nowhere", "nowhere: no such folder, table or data set"),
        ("vgg13 photos", "photos: has classes that are not ImageNet's: blue, red"),
        ("vgg13 photos --map none.csv", "none.csv: "),
        ("vgg13 photos --restrict --split test", "photos: has no split 'test'"),
        ("vgg13 photos --classes two.txt", "2 names for the 1,000 outputs of vgg13"),
        ("fcn_resnet50 photos", "is for segmentation, not for classes of images"),
        ("fasterrcnn_resnet50_fpn photos", "its targets are for classification, the model is for"),
        ("rcnn:resnet18 photos", "has published weights of its backbone only; train it on objects"),
    ],
)
def test_nothing_is_downloaded_for_what_cannot_work(
    words: str,
    problem: str,
    photos: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos({"red": 1, "blue": 1})
    Path("two.txt").write_text("a\nb\n")
    monkeypatch.setattr("onestop.inference.from_network.published_weights", None)
    assert main(["evaluate", *words.split()]) in (2, 3)
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1
