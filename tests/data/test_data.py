"""The one door: which words open what."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.data import as_in_training, as_recorded, is_source, is_table, open_data
from onestop.data.dataset import Dataset, facts
from onestop.errors import DataError, UsageError
from tests.recipes import recipe

Photos = Callable[..., Path]
ARRAYS = (np.zeros((20, 8, 8), np.uint8), [0, 1] * 10)


def sizes(dataset: Dataset) -> dict[str, int]:
    return {split: len(samples) for split, samples in dataset.splits.items()}


# --- what a source may be ---


def test_a_name_a_folder_a_table_and_arrays(photos: Photos, tmp_path: Path) -> None:
    root = photos({"a": 10, "b": 10})
    table = tmp_path / "table.csv"
    lines = [f"photos/{label}/{number:03d}.jpg,{label}" for label in "ab" for number in range(10)]
    table.write_text("\n".join(["path,label", *lines]))
    for source in (root, str(root), table, str(table), ARRAYS, {"train": ARRAYS}):
        assert sizes(open_data(source)) == {"train": 18, "val": 2}
    assert sizes(open_data("digits")) == {"train": 1293, "test": 359, "val": 145}
    assert sizes(open_data("Digits", val_fraction=0)) == {"train": 1438, "test": 359}


def test_the_packages_door_is_this_one() -> None:
    assert onestop.open_data is open_data


def test_a_home_folder_is_found(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(photos({"a": 2, "b": 2}).parent))
    monkeypatch.setenv("USERPROFILE", str(photos({"a": 2, "b": 2}).parent))
    assert open_data("~/photos").classes == ("a", "b")


def test_a_folder_here_comes_before_a_set_of_its_name(photos: Photos, tmp_path: Path) -> None:
    photos({"a": 2, "b": 2}, root="digits")
    assert open_data("digits").classes == ("a", "b")
    assert len(open_data("digits", root=str(tmp_path)).classes) == 10


def test_a_data_set_that_is_open_already_is_taken() -> None:
    opened = open_data("digits")
    assert open_data(opened) is opened
    rest = open_data(open_data("digits", val_fraction=0))
    assert rest.fingerprint() == opened.fingerprint()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mnits", "no such folder, table or data set; did you mean 'mnist'"),
        ("no/such/folder", "no such folder, table or data set"),
        ("missing.csv", "no such folder, table or data set"),
        ("notes.txt", r"neither a folder nor a table \(.csv, .tsv, .parquet, .txt\)"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(source: Any, message: str) -> None:
    Path("notes.txt").touch()
    with pytest.raises(DataError, match=message) as error:
        open_data(source)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "a path is empty"),
        (None, "source of type NoneType: give"),
        (object(), "source of type object"),
        (io.BytesIO(b"path,label"), "source of type BytesIO"),
        ("https://example.org/photos.zip", "https://example.org/photos.zip: is a URL"),
        ("s3://bucket/photos", "is a URL"),
        (Path("https://example.org/photos"), "is a URL"),
        ("x" * 5000, "is not a path"),
        ("a\0b", "is not a path"),
    ],
)
def test_a_type_that_is_no_source_is_named(source: Any, message: str) -> None:
    for door in (open_data, onestop.train, onestop.lint, onestop.info):
        if source is None and door in (onestop.train, onestop.info):
            continue  # there None is the default
        with pytest.raises(UsageError, match=message) as error:
            door(source)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 250


def test_a_source_is_told_from_a_network(photos: Photos) -> None:
    root = photos({"a": 1})
    assert is_source("mnist")
    assert is_source("Fashion-MNIST")
    assert is_source(str(root))
    assert not is_source("lenet5")


# --- the validation split ---


def test_a_validation_split_of_the_source_is_used_as_it_is(photos: Photos) -> None:
    root = photos({"train/a": 4, "train/b": 4, "valid/a": 1, "valid/b": 1})
    dataset = open_data(root, val_fraction=0.5)
    assert sizes(dataset) == {"train": 8, "val": 2}
    assert dataset.notes == ()


def test_held_out_images_are_noted_and_a_function_of_the_seed() -> None:
    first, again, other = (open_data("digits", seed=seed) for seed in (0, 0, 1))
    assert first.notes == ("145 of 1438 training images are held out as split 'val'",)
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_one_class_will_do_where_nothing_is_trained(photos: Photos) -> None:
    root = photos({"a": 3})
    with pytest.raises(DataError, match="only the class 'a'"):
        open_data(root)
    opened = open_data(root, for_training=False, val_fraction=0)
    assert sizes(opened) == {"train": 3}


def test_groups_of_a_table_reach_the_split(photos: Photos, tmp_path: Path) -> None:
    photos({"a": 10, "b": 10})
    lines = [
        f"photos/{label}/{number:03d}.jpg,{label},person {number // 2}"
        for label in "ab"
        for number in range(10)
    ]
    (tmp_path / "table.csv").write_text("\n".join(["path,label,group", *lines]))
    dataset = open_data("table.csv", val_fraction=0.2)
    assert sizes(dataset) == {"train": 16, "val": 4}
    assert not set(dataset.groups["train"]) & set(dataset.groups["val"])


# --- real photographs ---


def test_hymenoptera(real_data: Path) -> None:
    dataset = open_data(real_data / "hymenoptera")
    assert sizes(dataset) == {"train": 244, "val": 153}
    found = facts(dataset)
    assert (found.images, found.classes, found.channels) == (244, 2, 3)
    assert 250 < found.height < found.width < 600
    assert dataset.counts("train").tolist() == [123, 121]
    for samples in dataset.splits.values():
        for index in range(0, len(samples), 40):
            assert samples.read(index, 3).shape == samples.measure(index)


# --- how a source is read ---


def test_every_kind_of_source_is_read_for_a_task(photos: Photos, tmp_path: Path) -> None:
    root = photos({"1": 3, "2": 3})
    table = tmp_path / "table.csv"
    lines = [f"photos/{label}/{number:03d}.jpg,{label}" for label in "12" for number in range(3)]
    table.write_text("\n".join(["path,label", *lines]))
    arrays = (np.zeros((6, 8, 8), np.uint8), [1, 1, 1, 2, 2, 2])
    for source in (root, table, arrays):
        opened = open_data(source, val_fraction=0, task="regression")
        assert opened.task == "regression"
        assert opened.targets.values.tolist() == [1, 1, 1, 2, 2, 2]
    assert open_data("digits", task="regression").task == "regression"
    assert open_data(open_data("digits"), task="regression").task == "regression"
    with pytest.raises(UsageError, match="--task x: no such task"):
        open_data(root, task="x")


@pytest.mark.parametrize("option", ["path_column", "label_column", "image_root", "suffix"])
def test_settings_for_tables_are_refused_elsewhere(photos: Photos, option: str) -> None:
    options: dict[str, Any] = {option: "x"}
    flag = f"--{option.replace('_', '-')} x: is for tables"
    for source in (photos({"a": 2, "b": 2}), "digits", ARRAYS, open_data("digits")):
        with pytest.raises(UsageError, match=flag):
            open_data(source, **options)
    with pytest.raises(DataError, match="no such folder, table or data set"):
        open_data("missing.csv", **options)


def test_names_of_folders_are_taken_as_they_are_anyway(photos: Photos) -> None:
    root = photos({"None": 2, "b": 2})
    for literal_labels in (True, False):  # runs begun before there was this setting have True
        assert open_data(root, literal_labels=literal_labels).classes == ("None", "b")


def test_a_run_says_how_its_data_were_read() -> None:
    values = recipe(task="regression", image_root="train", val_fraction=0.2, seed=3).values()
    assert as_recorded(values) == {
        "val_fraction": 0.2, "seed": 3, "task": "regression", "path_column": None,
        "label_column": None, "image_root": "train", "suffix": None, "literal_labels": False,
    }  # fmt: skip


def test_what_another_table_does_not_share_is_not_taken_over(
    photos: Photos, tmp_path: Path
) -> None:
    values = recipe(
        task="regression", image_root="train", suffix=".png", label_column="age",
        literal_labels=True,
    ).values()  # fmt: skip
    table = tmp_path / "other.csv"
    table.touch()
    assert as_in_training(values, table) == {
        "task": "regression", "path_column": None, "label_column": "age", "suffix": ".png",
        "literal_labels": True,
    }  # fmt: skip
    for source in (photos({"a": 1}), ARRAYS):
        assert as_in_training(values, source) == {"task": "regression", "literal_labels": True}


def test_what_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").mkdir()
    assert is_table(tmp_path / "a.csv")
    assert not any(
        map(is_table, (tmp_path / "b.csv", tmp_path / "c.csv", tmp_path, ARRAYS, "digits"))
    )


def test_a_source_is_found_in_any_encoding_of_its_name(photos: Photos) -> None:
    photos({"a": 2, "b": 2}, root="cafe\u0301")
    assert open_data("caf\u00e9").classes == ("a", "b")
    assert is_source("caf\u00e9")
