"""Splits that come from different kinds of sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import onestop
from onestop.data import open_data
from onestop.errors import DataError

Photos = Callable[..., Path]
ARRAYS = (np.zeros((4, 8, 8, 3), np.uint8), ["a", "b", "b", "a"])


def test_folders_arrays_and_tables_go_together(photos: Photos, tmp_path: Path) -> None:
    train = photos({"a": 4, "b": 4}, root="one")
    val = photos({"b": 2}, root="two")
    table = tmp_path / "test.csv"
    table.write_text("path,label\none/a/000.jpg,a\none/b/001.jpg,b\n")
    dataset = open_data({"train": train, "valid": str(val), "test": table})
    assert {name: len(part) for name, part in dataset.splits.items()} == {
        "train": 8,
        "val": 2,
        "test": 2,
    }
    assert dataset.classes == ("a", "b")
    assert dataset.splits["val"].targets.words(0) == ("b",)
    assert dataset.splits["val"].read(0, 3).shape[-1] == 3
    mixed = open_data({"train": train, "val": ARRAYS})
    assert [mixed.splits["val"].targets.words(k)[0] for k in range(4)] == ["a", "b", "b", "a"]


def test_of_a_part_with_splits_the_one_of_its_name_is_taken(photos: Photos) -> None:
    whole = photos({"train/a": 4, "train/b": 4, "test/a": 1, "test/b": 1})
    dataset = open_data({"train": whole / "train", "test": whole})
    assert {name: len(part) for name, part in dataset.splits.items()}["test"] == 2
    with pytest.raises(
        DataError, match=r"split 'val': .* has the splits train, test; name one of its"
    ):
        open_data({"train": whole / "train", "val": whole})


@pytest.mark.parametrize(
    ("val", "message"),
    [
        ({"a": 1, "c": 1}, r"split 'val': .*: has classes 'train' lacks: c; it knows a, b"),
        ({}, "split|no images|not a folder|no such"),
    ],
)
def test_what_does_not_go_together_is_named(
    val: dict[str, int], message: str, photos: Photos
) -> None:
    train = photos({"a": 2, "b": 2}, root="one")
    folder = photos(val, root="two") if val else train.parent / "missing"
    with pytest.raises(DataError, match=message):
        open_data({"train": train, "val": folder})


def test_one_class_is_too_few_to_train_on(photos: Photos) -> None:
    one = photos({"a": 2}, root="one")
    with pytest.raises(DataError, match="only the class 'a'"):
        open_data({"train": one, "val": one})


@pytest.mark.thorough
def test_a_run_on_folders_by_split(photos: Photos, tmp_path: Path) -> None:
    train, val = photos({"a": 6, "b": 6}, root="one"), photos({"a": 2, "b": 2}, root="two")
    run = onestop.train(
        {"train": train, "val": val},
        model="lenet5_color",
        image_size=32,
        epochs=1,
        out=tmp_path / "runs",
    )
    assert (run.metrics["split"], run.metrics["images"]) == ("val", 4)
    assert onestop.evaluate(run.folder, data={"train": train, "val": val}).metrics["images"] == 4
