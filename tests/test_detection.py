"""Objects with every verb: boxes, masks and key points of a small network over a tiny backbone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onestop
from onestop.cli import main
from onestop.data.preprocess import ImagePreprocessing
from onestop.errors import InterruptedRun, UsageError
from onestop.inference.model import Model
from onestop.metrics.coco import coco_metrics
from onestop.networks import build
from onestop.storage.model_file import Card, read_card
from onestop.tasks.detection import Detection, objects_of
from onestop.tasks.objects_prediction import ObjectsPrediction, as_objects, from_text, to_text
from onestop.training.step import LocalStep
from tests.objects_made import NAMES, write_coco
from tests.reliability.killing import fingerprint
from tests.reporting.html import Page

pytestmark = pytest.mark.thorough
pytest.importorskip("timm")

MODEL = "rcnn32:timm:test_efficientnet"
SMALL: dict[str, Any] = {
    "model": MODEL, "epochs": 2, "batch_size": 4, "image_size": 96, "lr": 3e-3, "quiet": True,
    "threads": 1, "ema": 0.0, "weights": "none",
}  # fmt: skip
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("objects")
    write_coco(root, {"train": 10, "val": 4, "test": 3}, points=True)
    return root


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[onestop.Run]:
    """A run with its page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONESTOP_REPORT", "1")
        yield onestop.train(source, out=tmp_path_factory.mktemp("runs"), name="run", **SMALL)


@pytest.fixture
def images(source: Path) -> list[Path]:
    return sorted((source / "test").glob("*.png"))


# --- training ---


def test_metrics_are_those_of_boxes_masks_and_key_points(run: onestop.Run) -> None:
    assert {"ap", "ap50", "ar", "ap_mask", "ap50_mask", "ap_points"} <= run.metrics.keys()
    truths, found = objects_of(run.predictions)
    assert len(truths) == 3
    task: Any = run.model().task
    part: Any
    for part, name in (("boxes", "ap"), ("masks", "ap_mask"), ("keypoints", "ap_points")):
        values = coco_metrics(truths, found, NAMES, part, task.sigmas)
        assert run.metrics[name] == pytest.approx(values["ap"], abs=1e-9)


def test_each_part_of_the_loss_has_a_column(run: onestop.Run) -> None:
    header = (run.folder / "metrics.csv").read_text().splitlines()[0].split(",")
    for part in ("class", "box", "mask", "points", "object", "region"):
        assert f"train_loss_{part}" in header
        assert f"val_loss_{part}" not in header
    assert {"val_ap", "val_ap50_mask"} <= set(header)
    row = (run.folder / "metrics.csv").read_text().splitlines()[1].split(",")
    values = dict(zip(header, row, strict=True))
    parts = [float(v) for k, v in values.items() if k.startswith("train_loss_")]
    assert float(values["train_loss"]) == pytest.approx(sum(parts), rel=1e-4)


def test_the_card_has_what_prediction_needs(run: onestop.Run) -> None:
    card = read_card(run.folder / "model.safetensors")
    options = card.task_options
    assert card.task == "detection"
    assert options["parts"] == ["boxes", "masks", "keypoints"]
    assert options["points"] == ["left", "top", "right"]
    assert len(options["thresholds"]) == 2
    assert options["anchors"], "fitted to the training boxes"


def test_it_learns(tmp_path: Path) -> None:
    """Squares and discs are found after a few passes, from random weights."""
    write_coco(tmp_path / "data", {"train": 24, "val": 8}, masks=False)
    options = SMALL | {"epochs": 12, "augment": "flip"}
    learned = onestop.train(tmp_path / "data", out=tmp_path, name="run", **options)
    assert learned.metrics["ap50"] > 0.5


def test_a_stopped_run_resumes_bit_for_bit(
    run: onestop.Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = LocalStep.__call__, iter(range(1, 10**6))

    def stopping(self: LocalStep, *rest: Any) -> Any:
        if next(taken) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStep, "__call__", stopping)
        with pytest.raises(InterruptedRun):
            onestop.train(source, out=tmp_path, name="stopped", **SMALL)
    again = onestop.train(resume=tmp_path / "stopped", quiet=True)
    assert fingerprint(again.folder) == fingerprint(run.folder)


def test_lint_compares_annotations_with_what_a_model_finds(
    run: onestop.Run, source: Path, tmp_path: Path
) -> None:
    """A model that finds little contradicts nothing; one for classes is none to compare with."""
    found = onestop.lint(source, model=run.folder, out=tmp_path, quiet=True)
    assert (found.folder / "label_issues.csv").read_text().startswith("image,label,suggested")
    assert any("the model was trained on 10 of the images" in note for note in found.notes)
    arguments = {"classes": 2, "channels": 3, "image_size": 32}
    whole = ImagePreprocessing(3, (32, 32), (0.5,) * 3, (0.5,) * 3).to_json()
    card = Card("lenet5_color", arguments, ("a", "b"), whole)
    classifier = Model(build("lenet5_color", **arguments), card)
    with pytest.raises(UsageError, match="are judged by a model for detection, not for class"):
        onestop.lint(source, model=classifier, out=tmp_path, quiet=True)


# --- prediction ---


def test_tiles_are_looked_at_too(
    run: onestop.Run, images: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    with Image.open(images[0]) as image:
        image.resize((192, 192)).save(tmp_path / "large.png")
    words = [str(run.folder), str(tmp_path / "large.png"), "--json", "--threshold", "0"]
    assert main(["predict", *words, "--tile", "96"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    values = json.loads(line)
    assert (values["width"], values["height"]) == (192, 192)
    assert values["objects"], "random networks find something everywhere"
    assert {"label", "score", "box", "mask", "points"} <= values["objects"][0].keys()
    assert max(one["box"][2] for one in values["objects"]) <= 192


def test_what_is_for_one_answer_per_image_is_refused(
    run: onestop.Run, images: list[Path], source: Path, capsys: Capture
) -> None:
    """In one line each, with the way out."""
    predict = ["predict", str(run.folder), str(images[0])]
    for words, problem in (
        ([*predict, "--max-error", "5%"], "--max-error 5%: is for one answer per image"),
        ([*predict, "--no-calibration"], "--no-calibration: scores of objects are the network's"),
        (["evaluate", str(run.folder), "--restrict"], "--restrict: is for models that choose one"),
        (["train", str(source), "--probe", "fit"], "--probe fit: is for predictions about whole"),
        (["train", str(source), "--quick"], "--quick: there is no probe"),
        (["curve", str(source)], "no head can be fitted to features of whole images"),
        (["explain", str(run.folder), str(images[0])], "explain: heat maps are for whole images"),
    ):
        assert main(words) == 2, words
        said = capsys.readouterr().err.strip()
        assert problem in said
        assert "\n" not in said


def test_predictions_are_in_pixels_of_the_image(run: onestop.Run, images: list[Path]) -> None:
    """The same picture twice as large has its objects twice as far out."""
    with Image.open(images[0]) as image:
        large = image.resize((192, 192), Image.Resampling.NEAREST)
        small = image.copy()
    one, other = onestop.predict(run.folder, [small, large], threshold=0.0, max_objects=5)
    assert isinstance(one, ObjectsPrediction)
    assert isinstance(other, ObjectsPrediction)
    assert (one.found.size, other.found.size) == ((96, 96), (192, 192))
    assert np.abs(one.objects.boxes[0] * 2 - other.objects.boxes[0]).max() < 12, "the best one"
    assert (other.objects.boxes <= 192).all()
    assert other.objects.masks is not None
    assert other.objects.masks[0].size == (192, 192)


def test_json_and_csv(run: onestop.Run, images: list[Path], capsys: Capture) -> None:
    words = [
        "predict",
        str(run.folder),
        *map(str, images),
        "--threshold",
        "0",
        "--max-objects",
        "2",
    ]
    assert main([*words, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 3
    first = rows[0]["objects"][0]
    assert len(rows[0]["objects"]) == 2
    assert first.keys() == {"label", "score", "box", "mask", "points"}
    assert first["label"] in NAMES
    assert first["mask"]["size"] == [96, 96]
    assert [point["name"] for point in first["points"]] == ["left", "top", "right"]
    assert (rows[0]["width"], rows[0]["height"]) == (96, 96)
    assert main([*words, "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("image,label,score")
    assert "|" in lines[1]


def test_drawn_images_and_coco_json(run: onestop.Run, images: list[Path], tmp_path: Path) -> None:
    coco = tmp_path / "found.json"
    onestop.predict(
        run.folder, images, threshold=0.0, max_objects=3, save_images=tmp_path / "drawn",
        save_coco=coco, save_grid=tmp_path / "grid.png",
    )  # fmt: skip
    drawn = sorted((tmp_path / "drawn").iterdir())
    assert [path.name for path in drawn] == [path.name for path in images]
    with Image.open(drawn[0]) as image:
        assert image.size == (96, 96)
    assert drawn[0].read_bytes() != images[0].read_bytes()
    values = json.loads(coco.read_text())
    assert len(values["images"]) == 3
    assert len(values["annotations"]) == 9
    assert values["annotations"][0].keys() >= {"bbox", "score", "segmentation", "keypoints"}
    assert (tmp_path / "grid.png").is_file()
    with pytest.raises(UsageError, match="is there already; name a new file"):
        onestop.predict(run.folder, images, save_coco=coco)
    with pytest.raises(UsageError, match="is there already; name a new folder"):
        onestop.predict(run.folder, images, save_images=tmp_path / "drawn")


def test_what_is_for_objects_is_refused_elsewhere(tmp_path: Path) -> None:
    other = onestop.train("digits", model="lenet5", epochs=1, out=tmp_path, quiet=True)
    picture = tmp_path / "a.png"
    Image.new("L", (8, 8)).save(picture)
    for option in ({"threshold": 0.5}, {"max_objects": 3}, {"save_images": tmp_path / "x"},
                   {"save_coco": tmp_path / "x.json"}):  # fmt: skip
        with pytest.raises(UsageError, match="leave it out"):
            onestop.predict(other.folder, picture, **option)


def test_evaluate_gives_the_same_metrics(run: onestop.Run) -> None:
    again = onestop.evaluate(run.folder)
    names = [name for name in run.metrics if name.startswith("ap")]
    assert {n: again.metrics[n] for n in names} == {n: run.metrics[n] for n in names}


def test_predictions_are_read_back(run: onestop.Run) -> None:
    task = run.model().task
    assert isinstance(task, Detection)
    for prediction in map(as_objects, run.predictions):
        again = as_objects(task.from_row({k: str(v) for k, v in task.to_row(prediction).items()}))
        assert again.text == prediction.text
        assert again.truth == prediction.truth
        assert again.found.masks == prediction.found.masks


@pytest.mark.parametrize(
    "text", ["", "{}", '{"boxes":[[1]],"classes":[],"scores":[]}',
             '{"boxes":[[0,0,1,1]],"classes":[0],"scores":[2]}',
             '{"boxes":[[0,0,1,NaN]],"classes":[0],"scores":[1]}']
)  # fmt: skip
def test_damaged_rows_are_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_text(text, (5, 5))


def test_text_of_objects_comes_back(run: onestop.Run) -> None:
    found = as_objects(run.predictions[0]).found
    assert to_text(from_text(to_text(found), found.size)) == to_text(found)


# --- reports and other verbs ---


def test_the_report_has_its_sections(run: onestop.Run) -> None:
    page = Page(run.folder / "report.html")
    assert not page.unbalanced
    text = (run.folder / "report.html").read_text()
    parts = [
        "average precision (AP)", "95% confidence interval", "Confusion matrix", "Worst images",
        "Sizes of objects", "Precision-recall curves", "sigmas of 0.05",
    ]  # fmt: skip
    for words in parts:
        assert words in text


def test_two_runs_are_compared(run: onestop.Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "other")
    done = onestop.report([run.folder, tmp_path / "other"], out=tmp_path / "both.html")
    assert "AP is" in done.file.read_text()


def test_info_draws_samples(source: Path, tmp_path: Path) -> None:
    onestop.info(source, save_grid=tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 10_000


def test_lint_finds_boxes_drawn_twice(tmp_path: Path, capsys: Capture) -> None:
    write_coco(tmp_path / "data", {"train": 4, "val": 2}, masks=False)
    file = tmp_path / "data" / "annotations" / "instances_train.json"
    values = json.loads(file.read_text())
    first = values["annotations"][0]
    x, y, width, height = first["bbox"]
    values["annotations"].append(first | {"bbox": [x, y, width, height + 0.2]})
    file.write_text(json.dumps(values))
    main(["lint", str(tmp_path / "data"), "--out", str(tmp_path / "runs"), "--quiet"])
    assert "boxes drawn twice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mixup": 0.2}, "--mixup"), ({"cutmix": 1.0}, "--cutmix"), ({"tta": "flip"}, "--tta"),
        ({"auto_augment": "rand"}, "--auto-augment"), ({"accumulate": 2}, "--accumulate"),
        ({"compile": True}, "--compile"), ({"label_smoothing": 0.1}, "--label-smoothing"),
        ({"balance": "loss"}, "--balance"), ({"model": "resnet18"}, "resnet18"),
        ({"model": "keypointrcnn_resnet50_fpn"}, "learns key points, which these data do not have"),
        ({"image_size": 32}, "too small"),
    ],
)  # fmt: skip
def test_what_does_not_apply_is_refused_in_one_line(
    tmp_path: Path, options: dict[str, Any], error: str
) -> None:
    write_coco(tmp_path / "data", {"train": 4, "val": 2}, masks=False)
    with pytest.raises(UsageError, match=error) as caught:
        onestop.train(tmp_path / "data", out=tmp_path, **(SMALL | options))
    assert "\n" not in str(caught.value)


def test_explaining_is_refused(run: onestop.Run, images: list[Path]) -> None:
    with pytest.raises(UsageError, match="explain"):
        onestop.explain(run.folder, images)
