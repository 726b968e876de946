from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from onestop.data import open_data
from onestop.errors import DataError
from tests.objects_made import scenes


def pairs(count: int = 3, **more: Any) -> list[Any]:
    """Images with objects as tutorials have them."""
    rows = []
    for one in scenes(count):
        target = {
            "boxes": torch.tensor(one.boxes, dtype=torch.float32),
            "labels": torch.tensor(one.classes) + 1,
            "masks": torch.from_numpy(one.masks.astype(np.uint8)),
            "iscrowd": torch.zeros(len(one.boxes), dtype=torch.int64),
        }
        rows.append((Image.fromarray(one.pixels), target | more))
    return rows


class Named:
    """A data set with names, the first of which is the background."""

    classes = ("background", "disc", "square")

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return pairs()[index]


def test_a_list_of_images_and_objects() -> None:
    dataset = open_data(pairs(), val_fraction=0)
    assert dataset.task == "detection"
    assert dataset.classes == ("1", "2")
    value: Any = dataset.splits["train"].targets[1]
    assert value.boxes.tolist() == [list(map(float, b)) for b in scenes(3)[1].boxes]
    assert np.array_equal([m.decode() for m in value.objects.masks], scenes(3)[1].masks)
    assert dataset.splits["train"].read(0, 3).shape == (96, 96, 3)


def test_a_data_set_with_names() -> None:
    dataset = open_data({"train": Named(), "val": Named()})
    assert dataset.classes == ("disc", "square"), "a background without objects is no class"


@pytest.mark.parametrize("form", ["array", "tensor", "path"])
def test_images_in_other_forms(form: str, tmp_path: Any) -> None:
    (image, target), *_ = pairs(1)
    given: Any = np.asarray(image)
    if form == "tensor":
        given = torch.from_numpy(given.copy()).permute(2, 0, 1)
    if form == "path":
        given = tmp_path / "a.png"
        image.save(given)
    dataset = open_data([(given, target)], val_fraction=0)
    value: Any = dataset.splits["train"].targets[0]
    assert value.size == (96, 96)


def test_names_as_labels_and_boxes_of_another_form() -> None:
    from torchvision import tv_tensors

    boxes = tv_tensors.BoundingBoxes([[2, 3, 10, 20]], format="XYWH", canvas_size=(96, 96))
    rows = [(np.zeros((96, 96, 3), np.uint8), {"boxes": boxes, "labels": ["cat"]})]
    dataset = open_data(rows, val_fraction=0)
    value: Any = dataset.splits["train"].targets[0]
    assert (dataset.classes, value.boxes.tolist()) == (("cat",), [[2, 3, 12, 23]])


def test_images_without_objects_are_background() -> None:
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    rows = [
        *pairs(2),
        (np.zeros((9, 9, 3), np.uint8), none),
        (np.zeros((9, 9, 3), np.uint8), {"boxes": []}),
    ]
    dataset = open_data(rows, val_fraction=0)
    assert dataset.splits["train"].targets.words(3) == ()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({"boxes": [[1, 2, 3, 4]], "labels": [1, 2]}, "2 labels for 1 boxes"),
        ({"boxes": [[1, 2], [1, 2, 3]]}, "differ in shape"),
    ],
)
def test_what_does_not_belong_together_is_refused(target: Any, error: str) -> None:
    with pytest.raises(DataError, match=error):
        open_data([*pairs(1), (np.zeros((9, 9, 3), np.uint8), target)])
