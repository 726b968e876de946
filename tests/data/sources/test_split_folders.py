"""Which folders beside each other are splits."""

from __future__ import annotations

from typing import Any

import pytest

from onestop.data.sources.split_folders import (
    find_splits,
    names_in,
    one_folder_each,
    without_labels,
)
from onestop.data.sources.tree import Tree
from onestop.errors import DataError

FLAT = {"1.png": 0}
DEEP = {"a": FLAT, "b": FLAT}


def found(folders: dict[str, Any]) -> dict[str, str]:
    top = Tree.of(folders)
    splits, _ = find_splits(top, top.folders, "d")
    return {split: folder.name for split, folder in splits.items()}


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        ({"train": DEEP}, {"train": "train"}),
        ({"train": DEEP, "test": FLAT}, {"train": "train", "test": "test"}),
        ({"x_train": DEEP, "x_val": DEEP}, {"train": "x_train", "val": "x_val"}),
        ({"clean_train": DEEP, "noisy_test": DEEP}, {"train": "clean_train", "test": "noisy_test"}),
        ({"train": DEEP, "other": DEEP}, {"train": "train"}),
        ({"train": DEEP, "unlabelled": FLAT, "pred": FLAT}, {"train": "train"}),
        ({"test": DEEP, "a": FLAT, "b": FLAT}, {"test": "test"}),
        ({"train": {}, "val": {}}, {"train": "train", "val": "val"}),
        ({"train": FLAT, "bus": FLAT}, {}),
        ({"test_tube": DEEP, "hat": DEEP}, {}),
        ({"train": {}, "a": FLAT, "b": FLAT, "val": {}}, {}),
        ({"a": FLAT, "b": FLAT}, {}),
    ],
)
def test_splits_by_names_and_by_what_is_in_them(
    folders: dict[str, Any], splits: dict[str, str]
) -> None:
    assert found(folders) == splits


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"train": FLAT, "val": FLAT}, "hold images without class folders"),
        ({"train": {"x": FLAT}, "car": FLAT, "bus": FLAT}, "is 'train' a split"),
        ({"train": {"x": FLAT}, "car": {"y": FLAT}}, "is 'train' a split"),
        (
            {"val": DEEP, "valid": DEEP, "train": DEEP},
            "'val' and 'valid' both look like the split 'val'",
        ),
    ],
)
def test_several_meanings_are_refused(folders: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        found(folders)


def test_the_plain_name_goes_first() -> None:
    top = Tree.of({"test": DEEP, "test_extra": DEEP})
    assert one_folder_each(top.folders, "d")["test"].name == "test"


def test_names_are_those_of_the_folders_with_images() -> None:
    assert names_in(Tree.of({"x": {"y": {"a": FLAT, "b": FLAT, "empty": {}}}})) == {"a", "b"}
    assert names_in(Tree.of({"1.png": 0})) == set()


def test_the_error_on_one_folder_says_nothing_of_classes() -> None:
    top = Tree.of({"images": FLAT})
    assert str(without_labels(top, top.folders, "d")) == (
        "d: 'images' (1 image) holds images without class folders; use images/<class>/*.jpg, or name a "
        "table of paths and labels"
    )
