"""Several labels per image with every verb."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import onestop
from onestop.cli import main
from onestop.data import open_data
from onestop.errors import DataError, UsageError
from onestop.metrics.multilabel import best_thresholds
from onestop.storage.model_file import read_card
from onestop.tasks.labels_prediction import LabelsPrediction
from onestop.tasks.multilabel import Multilabel, scores_and_truth
from tests.labelled import LABELS, SMALL, labelled_photos, train
from tests.reliability.killing import fingerprint
from tests.reporting.html import Page

pytestmark = pytest.mark.thorough

Capture = pytest.CaptureFixture[str]
RunsOf = Callable[..., onestop.Run]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled_photos(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[onestop.Run]:
    """A run with its page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONESTOP_REPORT", "1")
        yield train(table, tmp_path_factory.mktemp("runs"), "run")


@pytest.fixture
def images(table: Path) -> list[Path]:
    return sorted((table.parent / "test").glob("*.png"))[:6]


def scores_of(run: onestop.Run) -> tuple[Any, Any]:
    return scores_and_truth(run.predictions, LABELS)


# --- training ---


def test_the_metrics_are_scikit_learns(run: onestop.Run) -> None:
    scores, truth = scores_of(run)
    metrics = run.metrics
    thresholds = [metrics["per_label"][name]["threshold"] for name in LABELS]
    predicted = scores >= np.array(thresholds, np.float32)
    assert metrics["split"] == "test"
    assert metrics["map"] == pytest.approx(sk.average_precision_score(truth, scores))
    assert metrics["micro_f1"] == pytest.approx(sk.f1_score(truth, predicted, average="micro"))
    assert metrics["macro_f1"] == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    assert metrics["exact_match"] == pytest.approx(sk.accuracy_score(truth, predicted))
    assert metrics["loss"] == pytest.approx(3 * sk.log_loss(truth.ravel(), scores.ravel()))
    assert metrics["map"] > 0.8, "it learns"


def test_thresholds_are_chosen_on_the_validation_split_and_kept_in_the_model_file(
    run: onestop.Run, table: Path
) -> None:
    card = read_card(run.folder / "model.safetensors")
    assert card.task == "multilabel"
    thresholds = card.task_options["thresholds"]
    assert thresholds != [0.5] * 3
    val = onestop.evaluate(run.folder, data=table, split="val")
    raw = onestop.evaluate(run.folder, data=table, split="val", no_calibration=True)
    assert [p.predicted_text for p in raw.predictions] == [
        p.predicted_text for p in val.predictions
    ]
    best = best_thresholds(*scores_and_truth(raw.predictions, LABELS))
    assert run.model().task.uncalibrated().options()["thresholds"] == pytest.approx(best, rel=1e-5)
    loaded = onestop.load(run.folder)
    assert isinstance(loaded.task, Multilabel)
    assert loaded.task.thresholds == tuple(thresholds)


def test_without_a_validation_split_thresholds_stay_a_half(table: Path, tmp_path: Path) -> None:
    dataset = open_data(table, val_fraction=0)
    whole = dataset.with_splits({"train": dataset.splits["train"]})
    done = onestop.train(whole, out=tmp_path, val_fraction=0, **{**SMALL, "epochs": 1})
    assert read_card(done.folder / "model.safetensors").task_options == {
        "thresholds": [0.5] * 3, "scale": 1.0, "bias": 0.0,
    }  # fmt: skip


def test_columns_of_epochs_follow_from_the_metrics(run: onestop.Run) -> None:
    assert list(run.epochs[0]) == [
        "epoch", "step", "seconds", "lr", "train_loss", "train_exact_match", "val_loss", "val_map",
        "val_micro_f1", "val_macro_f1", "val_exact_match", "images_per_second", "waiting", "scoring",
    ]  # fmt: skip
    assert run.recipe.evaluation.monitor == "map"
    values = [float(row["val_map"]) for row in run.epochs]
    assert values[run.metrics["best_epoch"] - 1] == max(values)


def test_files_of_the_run(run: onestop.Run) -> None:
    assert {path.name for path in run.folder.iterdir()} == {
        ".lock", "log.txt", "metrics.csv", "metrics.json", "model.safetensors", "predictions.csv",
        "recipe.yaml", "report.html", "run.json", "skipped.csv", "state",
    }, "and no confusion.csv"  # fmt: skip
    with (run.folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "image", "truth", "predicted", "correct", "loss", "score:blue", "score:green", "score:red",
    ]  # fmt: skip
    assert {row["truth"] for row in rows} >= {"", "blue|green|red"}
    equal = sum(row["truth"] == row["predicted"] for row in rows)
    assert equal <= sum(int(row["correct"]) for row in rows), "at most the order differs"


@pytest.mark.parametrize(
    "settings",
    [
        {"balance": "loss", "label_smoothing": 0.1, "ema": 0.9},
        {"mixup": 0.4, "cutmix": 1.0, "accumulate": 2},
        {"precision": "bf16", "tta": "flip"},
        {"optimizer": "adamw", "lr": 0.001, "augment": "resized-crop", "erase": 0.2},
    ],
    ids=str,
)
def test_the_settings_of_classification_work(
    table: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    done = train(table, tmp_path, "run", **{"epochs": 2, **settings})
    assert 0 < done.metrics["map"] <= 1
    assert onestop.evaluate(done.folder).metrics["map"] == done.metrics["map"]


def test_heads_are_replaced_and_trained_on_cached_features(
    run: onestop.Run, tmp_path: Path
) -> None:
    names = ("b", "g", "r")
    other = labelled_photos(tmp_path / "other", names=names)
    done = train(
        other, tmp_path, "run", weights=str(run.folder), freeze="backbone", cached_augmentations=2,
        epochs=4, lr=0.02,
    )  # fmt: skip
    notes = done.info.notes
    assert notes is not None
    assert not [note for note in notes if "frozen part runs anew" in note]
    assert tuple(done.metrics["per_label"]) == names
    assert done.metrics["map"] > 0.6
    four = labelled_photos(tmp_path / "four", names=("b", "g", "r"))
    rows = four.read_text().splitlines()
    four.write_text("\n".join([rows[0], rows[1].replace(",train", "|more,train"), *rows[2:]]))
    more = train(four, tmp_path, "four", weights=str(run.folder), freeze="1", epochs=1)
    assert len(more.metrics["per_label"]) == 4


def test_a_stopped_run_resumes_bit_for_bit(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"epochs": 3, "mixup": 0.2, "balance": "loss", "ema": 0.9}
    whole = train(table, tmp_path, "whole", **settings)
    part = train(table, tmp_path, "part", **{**settings, "epochs": 1})
    assert fingerprint(part.folder) != fingerprint(whole.folder)
    count = 0

    class StopNow:
        def __init__(self) -> None:
            self.exit_code = 130

        def __enter__(self) -> StopNow:
            return self

        def __exit__(self, *_: object) -> None: ...

        def at_once(self) -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()

        @property
        def requested(self) -> bool:
            nonlocal count
            count += 1
            return count == 6  # in the middle of the second epoch

    monkeypatch.setattr("onestop.jobs.run.Stop", StopNow)
    with pytest.raises(onestop.OneStopError, match="stopped after step 5"):
        train(table, tmp_path, "stopped", **settings)
    monkeypatch.undo()
    again = onestop.train(resume=tmp_path / "stopped", quiet=True)
    assert fingerprint(again.folder) == fingerprint(whole.folder)


def test_a_network_for_one_class_per_image_is_refused(tmp_path: Path) -> None:
    images = np.zeros((4, 28, 28, 1), np.uint8)
    with pytest.raises(UsageError, match="its own loss, which is for one class per image"):
        onestop.train((images, [{"a"}, {"b"}, set(), {"a", "b"}]), out=tmp_path, model="capsnet",
                      epochs=1, quiet=True, val_fraction=0.25, batch_size=3)  # fmt: skip


# --- predicting ---


def test_predictions_as_text(run: onestop.Run, images: list[Path], capsys: Capture) -> None:
    assert main(["predict", str(run.folder), *map(str, images)]) == 0
    lines = capsys.readouterr().out.splitlines()
    predictions = list(onestop.predict(run.folder, images))
    assert lines == [f"{path}: {p.text}" for path, p in zip(images, predictions, strict=True)]
    thresholds = onestop.load(run.folder).task.thresholds  # type: ignore[attr-defined]
    for prediction in predictions:
        assert isinstance(prediction, LabelsPrediction)
        reached = prediction.scores >= np.array(thresholds, np.float32)
        assert {label.name for label in prediction.labels} == set(np.array(LABELS)[reached])


def test_if_no_label_is_predicted_the_closest_is_shown(
    run: onestop.Run, images: list[Path]
) -> None:
    model = onestop.load(run.folder)
    model.task = Multilabel(LABELS, thresholds=(0.999, 0.999, 0.999))
    (prediction,) = onestop.predict(model, images[0])
    assert prediction.labels == ()
    assert prediction.text.startswith("no label reaches its threshold (closest: ")
    assert "no label reaches its threshold" in prediction._repr_html_()


def test_predictions_for_machines(run: onestop.Run, images: list[Path], capsys: Capture) -> None:
    words = ["predict", str(run.folder), *map(str, images)]
    assert main([*words, "--json", "--top", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(
        list(row) == ["image", "labels", "top", "doubts"] and len(row["top"]) == 2 for row in rows
    )
    for row in rows:
        reached = [top["label"] for top in row["top"] if top["score"] >= top["threshold"]]
        assert set(reached) <= {label["label"] for label in row["labels"]}
    assert main([*words, "--csv"]) == 0
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert list(table[0]) == ["image", "label", "score", "error", "doubts"]
    for row, line in zip(rows, table, strict=True):
        assert line["label"].split("|") == ([label["label"] for label in row["labels"]] or [""])


def test_a_grid(run: onestop.Run, images: list[Path], tmp_path: Path) -> None:
    onestop.predict(run.folder, images, save_grid=tmp_path / "grid.svg")
    text = (tmp_path / "grid.svg").read_text()
    assert "<svg" in text


def test_figures_and_notebooks(run: onestop.Run) -> None:
    for name in ("curves", "time", "precision_recall", "co_occurrence"):
        assert run.figure(name).axes
    with pytest.raises(
        UsageError, match="figure 'confusion': no such figure here; available: curves"
    ):
        run.figure("confusion")
    assert "mAP" in run._repr_html_()
    page = onestop.evaluate(run.folder)._repr_html_()
    assert "<svg" in page
    assert "exact match" in page
    assert run.predictions[0]._repr_html_()


# --- evaluating ---


def test_evaluate_reproduces_the_metrics_of_training(run: onestop.Run, capsys: Capture) -> None:
    evaluation = onestop.evaluate(run.folder)
    for name in ("map", "micro_f1", "macro_f1", "exact_match", "loss", "per_label"):
        assert evaluation.metrics[name] == run.metrics[name]
    assert main(["evaluate", str(run.folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["label", "images", "ap", "precision", "recall", "f1", "threshold"]
    row = run.metrics["per_label"]["blue"]
    shares = [row[key] for key in ("ap", "precision", "recall", "f1", "threshold")]
    assert lines[3].split() == ["blue", str(row["images"]), *(f"{share:.1%}" for share in shares)]
    assert f": mAP {run.metrics['map']:.2%}, micro F1 " in lines[-1]
    assert lines[-1].endswith(" on 32 images")


def test_evaluate_on_data_with_fewer_labels(run: onestop.Run, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (4, 36, 40, 3), dtype=np.uint8)
    source = (images, [{"red"}, set(), {"blue", "red"}, {"blue"}])
    metrics = onestop.evaluate(run.folder, data=source, split="train").metrics
    assert (metrics["per_label"]["green"]["images"], metrics["per_label"]["red"]["images"]) == (
        0,
        2,
    )
    assert metrics["per_label"]["green"]["ap"] is None
    assert json.loads(json.dumps(metrics)) == metrics
    with pytest.raises(DataError, match="labels the model does not know: pink; it knows blue, gr"):
        onestop.evaluate(run.folder, data=(images, [{"pink"}, set(), {"red"}, set()]))


def test_evaluate_on_data_with_one_class_per_image_is_refused(
    run: onestop.Run, photos: Callable[..., Path]
) -> None:
    folder = photos({"red": 3, "blue": 3})
    with pytest.raises(
        DataError, match="its targets are for classification, the model is for mult"
    ):
        onestop.evaluate(run.folder, data=folder)


# --- explaining ---


def test_explain_a_label(run: onestop.Run, images: list[Path], capsys: Capture) -> None:
    (one,) = onestop.explain(run.folder, images[0], target="green")
    assert one.label == "green"
    assert one.heat.shape == (32, 32)
    assert one.said.endswith(f", explained: green {one.score:.1%}")
    words = ["explain", str(run.folder), str(images[0]), "--out", "why.png"]
    assert main([*words, "--target", "pink"]) == 2
    assert "--target pink: the model has no such label; it has blue, green, red" in (
        capsys.readouterr().err
    )


def test_the_explained_label_is_named_unless_it_is_the_only_prediction(
    run: onestop.Run, images: list[Path]
) -> None:
    for one in onestop.explain(run.folder, images):
        names = [label.name for label in one.prediction.labels]
        assert (", explained: " in one.said) == (names != [one.label])
        several = f"{one.explained.text} (predicted {', '.join(names)})"
        assert one.title == (several if len(names) > 1 else one.said)
        assert set(one.to_json()["predicted"]) == {"labels"}


def test_info_of_data_and_model(run: onestop.Run, table: Path, capsys: Capture) -> None:
    facts = onestop.info(table).facts
    assert (facts["labels"], facts["without_label"] > 0) == (3, True)
    assert list(onestop.info(table).table[0]) == ["label", "train", "val", "test"]
    assert [row["label"] for row in onestop.info(run.folder).table] == list(LABELS)
    assert main(["info", str(run.folder)]) == 0
    threshold = run.metrics["per_label"]["red"]["threshold"]
    assert f"{threshold:.1%}" in capsys.readouterr().out


def test_runs_show_the_mean_average_precision(run: onestop.Run, capsys: Capture) -> None:
    assert main(["runs", str(run.folder.parent)]) == 0
    assert f"map {run.metrics['map']:.2%} (test)" in capsys.readouterr().out


def test_what_training_prints(table: Path, capsys: Capture) -> None:
    words = ["train", str(table), "--model", "lenet5_color", "--image-size", "32", "--epochs", "1"]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert "column 'labels': labels are separated by '|'" in shown.err
    assert ": 3 labels, 64 train, 32 val, 32 test;" in shown.err
    assert ".png: is " in shown.out
    assert "predicted " in shown.out


# --- lint ---


def test_lint(tmp_path: Path) -> None:
    table = labelled_photos(tmp_path / "set", {"train": 30, "val": 8})
    rows = table.read_text().splitlines()
    first, second = (row.split(",")[0] for row in rows[1:3])
    (table.parent / second).write_bytes((table.parent / first).read_bytes())
    rows[1:3] = [f"{first},blue|Red,train", f"{second},blue,train"]
    table.write_text("\n".join(rows) + "\n")
    lint = onestop.lint(table, exact=True, quiet=True)
    texts = {finding["kind"]: finding["text"] for finding in lint.findings}
    assert texts["missing labels"] == "split 'val' has no images of Red"
    assert texts["few images"] == "1 label with under 10 images: Red 1"
    assert texts["copies with different labels"].endswith("of each other, have different labels")
    unlabelled = next(f for f in lint.findings if f["kind"] == "no label")
    assert unlabelled["level"] == "note"
    assert unlabelled["images"] == sum(row.split(",")[1] == "" for row in rows[1:])
    assert unlabelled["groups"][0][0]["label"] == "no label"
    assert lint.classes[0] == {"label": "Red", "train": 1, "val": 0}
    assert "labels Red, red differ only in case" in lint.notes
    assert (lint.folder / "lint.png").is_file()


# --- reports ---


def test_the_report_of_a_run(run: onestop.Run) -> None:
    page = Page(run.folder / "report.html")
    assert page.unbalanced == []
    assert list(page.sections) == [
        "result", "curves", "samples", "labels", "precision-recall", "missed", "invented",
        "together", "confidence", "data", "time", "repeat",
    ]  # fmt: skip
    result = page.sections["result"]
    assert "(3 labels, 64 training images) and reaches a mean average precision (mAP) of" in result
    assert "(95% confidence interval" in result
    assert "; all labels are correct on" in result
    assert "Never predicting a label would be right for" in result
    assert "threshold" in page.sections["labels"]


def test_a_report_written_again_without_the_predictions_is_the_same(
    run: onestop.Run, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(run.folder, folder)
    before = onestop.report(folder).said
    (folder / "predictions.csv").unlink()
    assert onestop.report(folder).said == before
    (folder / "model.safetensors").unlink()
    assert onestop.report(folder).said[0].startswith("lenet5_color was trained on table.csv (3 lab")


def test_two_runs_are_compared(run: onestop.Run, table: Path) -> None:
    other = train(table, run.folder.parent, "other", epochs=1, seed=1)
    report = onestop.report([run.folder, other.folder])
    verdict, difference = report.said
    assert "of 32 images, other gets" in verdict
    assert "entirely right that run gets wrong" in verdict
    assert " exact match (95% confidence interval " in verdict
    values = [f"{one.metrics['map']:.1%} for {one.folder.name}" for one in (run, other)]
    assert difference.startswith(f"mAP is {values[0]} and {values[1]}: ")
    assert "bootstrap over 32 images" in difference
    page = Page(report.file)
    assert page.unbalanced == []
    assert "Recall with 95% confidence intervals" in page.sections["classes"]
