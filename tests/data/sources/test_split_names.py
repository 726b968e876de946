"""Names that mean a split."""

from __future__ import annotations

import pytest

from onestop.data.sources.split_names import are_all_splits, rest_of, split_in, split_of, tokens_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN", "train"), ("trainset", "train"),
        ("val", "val"), ("Valid", "val"), ("validation", "val"), ("dev", "val"), ("valset", "val"),
        ("test", "test"), ("testing", "test"), ("holdout", "test"), ("hold-out", "test"),
        ("held_out", "test"),
        ("HoldOut", "test"), ("testdata", "test"), ("trainingsdata", "train"),
    ],
)  # fmt: skip
def test_a_split_by_itself(name: str, split: str) -> None:
    assert split_of(name) == split_in(name) == split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("training_set", "train"), ("seg_train", "train"), ("train2017", "train"),
        ("images_train", "train"),
        ("TrainImages", "train"), ("TRAIN2017", "train"), ("my-train-data", "train"),
        ("trainval", "train"),
        ("train_val", "train"), ("chest_xray_val", "val"), ("validation set", "val"),
        ("test.images", "test"),
        ("testA", "test"), ("PublicTest", "test"),
    ],
)  # fmt: skip
def test_a_split_as_one_of_the_words(name: str, split: str) -> None:
    assert split_in(name) == split


@pytest.mark.parametrize(
    "name",
    [
        "strainer", "contest", "latest", "devices", "invalid", "valley", "restaurant", "attest",
        "training2test",
        "train_test_split", "train_masks", "test_labels", "bird", "", "123",
    ],
)  # fmt: skip
def test_no_split(name: str) -> None:
    assert split_in(name) is None


def test_words_beside_a_split_count_unless_they_say_nothing() -> None:
    assert rest_of("seg_train_images2") == ("seg",)
    assert rest_of("training_set") == rest_of("Test Images 2017") == ()
    assert rest_of("test_tube") == ("tube",)


def test_names_are_cut_at_signs_digits_and_capitals() -> None:
    assert tokens_of("ChestXRay_Train2017") == ("chest", "x", "ray", "train", "2017")
    assert tokens_of("\u00dcbung-TRAIN") == ("\u00fcbung", "train")


def test_values_are_splits_if_all_of_them_are() -> None:
    assert are_all_splits(["train", "Test"])
    assert not are_all_splits(["train", "car"])
    assert not are_all_splits([])
