"""Masks and labels beside images."""

from __future__ import annotations

from typing import Any

import pytest

from onestop.data.sources.annotations import is_sure, masks_among, masks_within, set_apart
from onestop.data.sources.tree import Tree

FILES = {"1.png": 0, "2.png": 0}
MASKS = {"1_mask.png": 0, "2_mask.png": 0}
OTHERS = {"x.png": 0, "y.png": 0}


def apart(folders: dict[str, Any]) -> list[tuple[str, str]]:
    _, pairs = set_apart(Tree.of(folders).folders)
    return [(masks.name, images.name) for masks, images in pairs]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "masks"), ("Images", "Labels"), ("JPEGImages", "SegmentationClass"),
        ("train", "train_masks"),
        ("train_images", "train_labels"), ("img", "gt"), ("images", "ground_truth"),
        ("imgs", "annotations"),
    ],
)  # fmt: skip
def test_a_folder_of_masks_belongs_to_one_of_images(images: str, masks: str) -> None:
    assert apart({images: FILES, masks: OTHERS}) == [(masks, images)]


@pytest.mark.parametrize(
    "folders",
    [
        {"mask": FILES, "no_mask": FILES},
        {"with_mask": FILES, "without_mask": FILES},
        {"cats": FILES, "cats_mask": OTHERS},
        {"labels": FILES, "boxes": FILES, "cans": FILES},
        {"images": {}, "masks": FILES},
    ],
)
def test_classes_with_such_a_word_are_classes(folders: dict[str, Any]) -> None:
    assert apart(folders) == []


@pytest.mark.parametrize("masks", [FILES, MASKS])
def test_files_of_the_same_names_make_it_likely_but_not_sure(masks: dict[str, Any]) -> None:
    _, ((folder, of),) = set_apart(Tree.of({"face": FILES, "face_mask": masks}).folders)
    assert (folder.name, of.name, is_sure(folder, of)) == ("face_mask", "face", False)
    _, ((folder, of),) = set_apart(Tree.of({"train": FILES, "train_mask": OTHERS}).folders)
    assert is_sure(folder, of)


@pytest.mark.parametrize(
    ("inside", "masks"),
    [
        ({**FILES, "masks": FILES}, ["masks"]),
        ({**FILES, "mask": MASKS}, ["mask"]),
        ({"images": FILES, "masks": FILES}, ["masks"]),
        ({**FILES, "masks": OTHERS}, []),
        ({"2019": FILES, "2020": FILES}, []),
        ({"mask": FILES}, []),
    ],
)
def test_masks_in_a_class_folder_are_named_as_their_images(
    inside: dict[str, Any], masks: list[str]
) -> None:
    assert [path.name for path in masks_within(Tree.of(inside))] == masks


def test_files_beside_their_images() -> None:
    names = [
        "7.jpg",
        "7_mask.png",
        "8_mask.png",
        "b (1).png",
        "b (1)_mask.png",
        "b (1)_mask_1.png",
        "_mask.png",
    ]
    assert masks_among(names) == {"7_mask.png", "b (1)_mask.png", "b (1)_mask_1.png"}
    assert masks_among(["face.jpg", "facemask.jpg", "mask.jpg"]) == set()
