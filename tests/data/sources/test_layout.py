"""What folders mean, judged by their names alone."""

from __future__ import annotations

from typing import Any

import pytest

from onestop.data.sources.layout import Layout, layout_of
from onestop.data.sources.tree import Tree
from onestop.errors import DataError

Spec = dict[str, int]
AB = ("a", "b")


def tree(spec: Spec) -> Tree:
    """A tree in which folders hold as many images: `{"train/a": 2}`."""
    root: dict[str, Any] = {}
    for path, count in spec.items():
        here = root
        for part in path.split("/"):
            here = here.setdefault(part, {})
        here.update({f"{number}.png": 0 for number in range(count)})
    return Tree.of(root)


def judged(spec: Spec, *, for_training: bool = True) -> Layout:
    return layout_of(tree(spec), "d", for_training=for_training)


def read(spec: Spec, *, for_training: bool = True) -> dict[str, list[str]]:
    """The class folders of each split, as `class=path`."""
    parts = judged(spec, for_training=for_training).parts
    return {
        split: [f"{name}={folder.path.as_posix()}" for name, folder in part.class_folders]
        for split, part in parts.items()
    }


def folders(*splits: str, classes: tuple[str, ...] = AB, count: int = 2) -> Spec:
    return {f"{split}/{name}": count for split in splits for name in classes}


# --- plain ---


def test_plain_layouts_need_no_note() -> None:
    assert read({"a": 1, "b": 1}) == {"train": ["a=a", "b=b"]}
    plain = judged(folders("val", "train", "test"))
    assert list(plain.parts) == ["train", "val", "test"]
    assert judged({"a": 1, "b": 1}).notes == plain.notes == ()


def test_class_folders_may_hold_folders_of_their_own() -> None:
    for spec in (
        {"cats/2019": 1, "cats/2020": 1, "dogs/2021": 1, "dogs": 1},
        {"cats/cats": 1, "dogs/dogs": 1},
        {"cats/2018": 1, "cats/2019": 1, "dogs/2019": 1, "dogs/2020": 1, "dogs/2021": 1},
        {"n1/images": 2, "n2/images": 2},
    ):
        assert len(read(spec)["train"]) == 2
        assert judged(spec).notes == ()


# --- splits ---


@pytest.mark.parametrize(
    ("train", "other", "split"),
    [
        ("training_set", "test_set", "test"), ("train2017", "val2017", "val"),
        ("Training", "hold-out", "test"),
        ("images_train", "images_val", "val"), ("TrainImages", "TestImages", "test"),
        ("TRAIN", "dev", "val"),
        ("train_data", "validation data", "val"), ("trn", "tst", "test"),
        ("train", "evaluation", "val"),
        ("chest_xray_train", "chest_xray_test", "test"), ("trainset", "valset", "val"),
        ("training-A", "testing-B", "test"),
    ],
)  # fmt: skip
def test_splits_in_any_spelling(train: str, other: str, split: str) -> None:
    assert read(folders(train, other)) == {
        "train": [f"{name}={train}/{name}" for name in AB],
        split: [f"{name}={other}/{name}" for name in AB],
    }


def test_what_was_read_as_what_is_said() -> None:
    assert judged(folders("training_set", "test_set")).notes == (
        "folders are read as splits: 'training_set' as train, 'test_set' as test",
    )


def test_folders_that_repeat_their_own_name_are_looked_through() -> None:
    spec = {**folders("seg_train/seg_train", "seg_test/seg_test"), "seg_pred/seg_pred": 3}
    assert read(spec) == {
        "train": ["a=seg_train/seg_train/a", "b=seg_train/seg_train/b"],
        "test": ["a=seg_test/seg_test/a", "b=seg_test/seg_test/b"],
    }
    assert "'seg_pred' next to the split folders: ignored" in judged(spec).notes


@pytest.mark.parametrize("third", ["eval", "evaluation"])
def test_evaluation_beside_validation_is_the_test(third: str) -> None:
    assert list(read(folders("train", "dev", third))) == ["train", "val", "test"]


def test_two_folders_for_one_split_are_refused() -> None:
    with pytest.raises(
        DataError, match="'train2014' and 'train2017' both look like the split 'train'"
    ):
        judged(folders("train2014", "train2017", "val2017"))
    assert read(folders("train", "train_extra", "val"))["train"] == ["a=train/a", "b=train/b"]


def test_a_split_folder_beside_class_folders_holds_rows_out() -> None:
    spec = {"a": 2, "b": 2, "test/a": 1, "test/b": 1}
    assert read(spec) == {"train": ["a=a", "b=b"], "test": ["a=test/a", "b=test/b"]}
    assert judged(spec).notes == ("'a', 'b' are read as classes to train on, 'test' as held out",)


@pytest.mark.parametrize("wrapper", ["archive", "x/y/z", "train/train", "images", "data set"])
def test_wrappers_are_looked_through(wrapper: str) -> None:
    assert read(folders(wrapper))["train"] == [f"{name}={wrapper}/{name}" for name in AB]
    splits = read(folders(f"{wrapper}/train", f"{wrapper}/val"))
    assert {split: len(classes) for split, classes in splits.items()} == {"train": 2, "val": 2}


def test_a_wrapper_is_said() -> None:
    assert judged(folders("archive")).notes == ("read from 'archive', the only folder there",)


# --- classes above splits ---


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("Training", "val"), ("x_train", "x_test")]
)
def test_splits_below_classes(train: str, test: str) -> None:
    spec = {f"{name}/{split}": 2 for name in ("cats", "dogs") for split in (train, test)}
    split = "val" if test == "val" else "test"
    assert read(spec) == {
        "train": [f"cats=cats/{train}", f"dogs=dogs/{train}"],
        split: [f"cats=cats/{test}", f"dogs=dogs/{test}"],
    }
    assert "splits lie in the class folders" in judged(spec).notes[0]


def test_a_class_without_splits_beside_those_with_some_is_refused() -> None:
    with pytest.raises(DataError, match="there are folders test, train in cats, but not in dogs"):
        judged({"cats/train": 2, "cats/test": 1, "dogs": 2})


# --- classes with the name of a split ---


@pytest.mark.parametrize(
    "names",
    [
        ("car", "train", "bus"),
        ("car", "train"),
        ("dev", "ops"),
        ("test_tube", "hat", "training_shoes"),
    ],
)
def test_a_class_may_be_called_like_a_split(names: tuple[str, ...]) -> None:
    layout = judged(dict.fromkeys(names, 2))
    assert [name for name, _ in layout.parts["train"].class_folders] == sorted(names)
    assert "not as a split: no class folders are in it" in layout.notes[0]


def test_a_lone_split_folder_with_folders_beside_others_may_mean_two_things() -> None:
    spec = {
        **folders("train", classes=("ic", "re")),
        **folders("car", classes=("x", "y")),
        "bus": 2,
    }
    with pytest.raises(
        DataError, match=r"is 'train' a split with the classes ic, re, or a class like bus"
    ):
        judged(spec)
    moved = {f"train/{path}": count for path, count in spec.items()}
    assert [name.partition("=")[0] for name in read(moved)["train"]] == ["bus", "car", "train"]


def test_splits_without_class_folders_are_refused_with_both_meanings() -> None:
    with pytest.raises(DataError) as caught:
        judged({"train": 2, "test": 1, "car": 3})
    assert str(caught.value) == (
        "d: 'test' (1 image), 'train' (2 images) hold images without class folders; use "
        "test/<class>/*.jpg, or name a table of paths and labels; if they are classes, move them all "
        "below one folder: train/test, ..."
    )
    assert len(read({"train/train": 2, "train/test": 1, "train/car": 3})["train"]) == 3


@pytest.mark.parametrize(
    "names",
    [("train_images", "test_images"), ("trainA", "trainB", "testA", "testB"), ("x_train", "x_test"),
     ("test_tube", "training_shoes"), ("images/train", "images/val"), ("train/images", "test/images")],
)  # fmt: skip
def test_no_classes_are_made_of_unlabelled_splits(names: tuple[str, ...]) -> None:
    with pytest.raises(
        DataError, match=r"images? without class folders; use .*<class>.* or name a table"
    ):
        judged(dict.fromkeys(names, 2))


def test_a_table_beside_them_is_named() -> None:
    root = Tree.of({"train": {"1.png": 0}, "test": {"1.png": 0}, "train.csv": 0})
    with pytest.raises(DataError, match=r"name a table of paths and labels \(train.csv is there\)"):
        layout_of(root, "d")


# --- folders that repeat each other ---


@pytest.mark.parametrize(
    "outer",
    [("fold1", "fold2", "fold3"), ("color", "gray"), ("amazon", "dslr"), ("Lot 1", "Lot 2")],
)
def test_folders_that_all_hold_the_same_names_are_refused(outer: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        judged(folders(*outer))
    line = str(caught.value)
    assert line.startswith(
        f"d: the folders {', '.join(sorted(outer))} each hold the folders a, b; if a, b"
    )
    assert f"name one of the former (d/{min(outer)})" in line
    assert "\n" not in line


def test_so_are_they_a_level_deeper_and_in_splits_and_nearly_alike() -> None:
    for spec in (
        folders("amazon/images", "dslr/images"),
        folders("train/x", "train/y"),
        {**folders("x"), "y/A": 1, "y/b": 1, "y/c": 1},
        {**folders("x"), "y/a": 1},
    ):
        with pytest.raises(DataError, match="each hold the folders"):
            judged(spec)


def test_accents_in_another_encoding_are_the_same_names() -> None:
    with pytest.raises(DataError, match="each hold the folders"):
        judged({"x/caf\u00e9": 1, "x/tea": 1, "y/cafe\u0301": 1, "y/tea": 1})


# --- images without a class ---


@pytest.mark.parametrize("place", ["test", "test/test", "test/unknown", "test/images"])
def test_unlabelled_images_of_a_split_are_counted_and_not_used(place: str) -> None:
    layout = judged({**folders("train"), place: 4})
    assert list(layout.parts) == ["train"]
    assert layout.notes == (f"4 images lie loose in {place!r}, not used; predict takes them",)


def test_a_single_one_and_several_splits() -> None:
    assert judged({**folders("train"), "val": 1, "test": 3}).notes == (
        "1 image lies loose in 'val', not used; predict takes them",
        "3 images lie loose in 'test', not used; predict takes them",
    )


def test_another_class_in_a_split_is_left_to_be_refused() -> None:
    assert read({**folders("train"), "test/c": 2})["test"] == ["c=test/c"]


def test_training_needs_a_split_to_train_on_and_nothing_else_does() -> None:
    with pytest.raises(DataError, match="has 'test' but no folder 'train'"):
        judged(folders("test"))
    assert list(read(folders("test"), for_training=False)) == ["test"]


def test_the_folder_below_is_named_where_another_one_stands_beside() -> None:
    with pytest.raises(
        DataError, match=r"only the class 'data', which holds the folders a, b; .*d/data"
    ):
        judged({**folders("data"), "docs": 0})


# --- masks ---


def test_masks_beside_images_are_no_classes() -> None:
    spec = folders("images", "masks")
    assert read(spec)["train"] == ["a=images/a", "b=images/b"]
    assert "'masks' beside 'images': not used, since they are no classes" in judged(spec).notes
    with pytest.raises(
        DataError, match=r"'images' \(2 images\) holds images without class folders"
    ):
        judged({"images": 2, "masks": 2})
    assert list(read({**folders("train", "val", "train_masks")})) == ["train", "val"]


def test_masks_in_each_class_are_left_out() -> None:
    layout = judged(folders("covid", "normal", classes=("images", "masks")))
    assert sorted(path.as_posix() for path in layout.masks) == ["covid/masks", "normal/masks"]
    assert layout.notes == ("covid/masks, normal/masks: masks of the images beside them, not used",)


def test_what_may_be_a_class_or_masks_is_refused() -> None:
    with pytest.raises(DataError, match="'face_mask' holds files named as those in 'face': masks"):
        judged({"face": 3, "face_mask": 3})
    assert len(read({"mask": 3, "no_mask": 3})["train"]) == 2
