"""What is the same for all formats: EXIF, clipping, dropping, duplicates, splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from onestop.data import open_data
from onestop.errors import DataError
from tests.data.sources.objects.made import box, boxes, coco, noted, opened, words
from tests.objects_made import write_coco, write_picture

SIZE = (40, 30)  # width and height as stored


def marked(path: Path, orientation: int) -> tuple[list[float], list[float]]:
    """A photograph with one bright rectangle; its box as stored, and as it is seen."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[4:10, 6:20] = 255
    image, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)
    with Image.open(path) as stored:
        seen = np.asarray(ImageOps.exif_transpose(stored))[..., 0] > 0
    x, y = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
    return [6, 4, 14, 6], [int(x[0]), int(y[0]), len(x), len(y)]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("as_stored", [True, False])
def test_the_declared_size_says_whether_boxes_are_of_the_stored_picture(
    tmp_path: Path, orientation: int, as_stored: bool
) -> None:
    """Orientations that swap sides tell; the others cannot, and boxes are taken as seen."""
    stored, seen = marked(tmp_path / "train" / "a.png", orientation)
    swaps = orientation >= 5
    if as_stored and not swaps:
        return
    size = SIZE if as_stored or not swaps else SIZE[::-1]
    dataset = opened(coco(tmp_path, [box(*(stored if as_stored else seen))], size=size))
    x, y, width, height = seen
    assert boxes(dataset) == [[x, y, x + width, y + height]]
    assert noted(dataset, "annotated as stored: objects turned as EXIF says") == as_stored
    value: Any = dataset.splits["train"].targets[0]
    assert value.size == (SIZE if swaps else SIZE[::-1])


@pytest.mark.parametrize("orientation", range(5, 9))
def test_masks_polygons_and_key_points_turn_with_the_boxes(
    tmp_path: Path, orientation: int
) -> None:
    marked(tmp_path / "train" / "a.png", orientation)
    polygon = [6, 4, 20, 4, 20, 10, 6, 10]
    flat = np.zeros((SIZE[1], SIZE[0]), bool)
    flat[4:10, 6:20] = True
    from onestop.metrics.rle import encode, to_coco

    rows = [
        box(6, 4, 14, 6, segmentation=[polygon], keypoints=[6, 4, 2]),
        box(6, 4, 14, 6, segmentation=to_coco(encode(flat)), category_id=2),
    ]
    categories = [{"id": 1, "name": "a", "keypoints": ["corner"]}, {"id": 2, "name": "b"}]
    dataset = opened(coco(tmp_path, rows, categories=categories, size=SIZE))
    value: Any = dataset.splits["train"].targets[0]
    with Image.open(tmp_path / "train" / "a.png") as stored:
        seen = np.asarray(ImageOps.exif_transpose(stored))[..., 0] > 0
    for mask in value.objects.masks:
        assert np.array_equal(mask.decode(), seen)
    x, y, there = value.points[0, 0].tolist()
    corners = value.boxes[0].tolist()
    assert x in (corners[0], corners[2])
    assert y in (corners[1], corners[3])
    assert there == 2


@pytest.mark.parametrize("size", [(0, 0), (float("nan"), 3), ("a", None)])
def test_without_a_size_boxes_are_of_what_is_seen(tmp_path: Path, size: Any) -> None:
    _, seen = marked(tmp_path / "train" / "a.png", 6)
    dataset = opened(coco(tmp_path, [box(*seen)], size=size))
    assert not noted(dataset, "annotated")
    assert boxes(dataset)[0][:2] == seen[:2]


def test_another_size_is_noted_and_changes_nothing(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    dataset = opened(coco(tmp_path, [box(1, 2, 10, 10)], size=(80, 60)))
    assert boxes(dataset) == [[1, 2, 11, 12]]
    assert noted(dataset, "1 image annotated with another size: coordinates kept as pixels")


def test_width_and_height_swapped_without_exif_is_noted(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    dataset = opened(coco(tmp_path, [box(1, 2, 10, 10)], size=(30, 40)))
    assert noted(dataset, "annotated with width and height swapped")


def test_an_image_that_lost_all_its_objects_is_no_background(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_picture(tmp_path / "train" / f"{name}.png")
    images = [{"id": i, "file_name": f"{n}.png"} for i, n in ((1, "a"), (2, "b"))]
    rows = [box(1, 1, 5, 5), box(1, 1, 0, 5) | {"image_id": 2}]
    dataset = opened(coco(tmp_path, rows, images=images))
    assert len(dataset.splits["train"]) == 1
    assert noted(dataset, "1 image without a usable object left, and no background: not used")
    reasons = [(s.path, s.reason) for s in dataset.skipped]
    assert "b.png" in reasons[1][0]
    assert "without a usable object" in reasons[1][1]


def test_the_same_box_twice_is_one_object_but_not_of_two_classes(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    rows = [box(1, 1, 5, 5), box(1, 1, 5, 5), box(1, 1, 5, 5) | {"category_id": 2}]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    dataset = opened(coco(tmp_path, rows, categories=categories))
    assert len(boxes(dataset)) == 2
    assert noted(dataset, "1 object there twice: not used (train/a.png: annotation 2)")


def test_an_image_listed_twice_is_one_image(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    images = [{"id": i, "file_name": "a.png"} for i in (1, 2)]
    rows = [box(1, 1, 5, 5), box(9, 9, 5, 5) | {"image_id": 2}]
    dataset = opened(coco(tmp_path, rows, images=images))
    assert len(boxes(dataset)) == 2
    assert noted(dataset, "1 image listed several times: entries joined")


def test_key_points_outside_the_picture_count_as_absent(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [{"id": 1, "name": "cat", "keypoints": ["x", "y", "z"]}]
    row = box(1, 1, 9, 9, keypoints=[2, 2, 2, 400, 4, 1, 0, 0, 0])
    dataset = opened(coco(tmp_path, [row], categories=categories))
    value: Any = dataset.splits["train"].targets[0]
    assert value.points[0].tolist() == [[2, 2, 2], [0, 0, 0], [0, 0, 0]]
    assert noted(dataset, "with key points outside the picture")


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_picture(tmp_path / "train" / f"{name}.png")
    (tmp_path / "train" / "b.png").write_bytes(b"no picture")
    images = [{"id": i, "file_name": f"{n}.png"} for i, n in ((1, "a"), (2, "b"))]
    dataset = opened(coco(tmp_path, [box(1, 1, 5, 5)], images=images))
    assert noted(dataset, "1 image not readable")


def test_training_needs_a_split_and_an_object(tmp_path: Path) -> None:
    write_picture(tmp_path / "test" / "a.png")
    coco(tmp_path, [box(1, 1, 5, 5)], file="annotations/instances_test.json")
    with pytest.raises(DataError, match="has the splits test but no 'train'"):
        opened(tmp_path, for_training=True)
    write_picture(tmp_path / "x" / "train" / "a.png")
    coco(tmp_path / "x", [])
    with pytest.raises(DataError, match="no image has an object; annotate some first"):
        opened(tmp_path / "x", for_training=True)


def test_classes_that_only_the_other_splits_have_are_named(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    for split, number in (("train", 1), ("val", 2)):
        write_picture(tmp_path / split / "a.png")
        rows = [box(1, 1, 5, 5) | {"category_id": number}]
        coco(tmp_path, rows, categories=categories, file=f"annotations/instances_{split}.json")
    assert noted(opened(tmp_path), "classes without objects in 'train' cannot be learned: dog")


def test_a_validation_split_is_held_out_by_image(tmp_path: Path) -> None:
    write_coco(tmp_path, {"train": 20})
    dataset = open_data(tmp_path, val_fraction=0.2, seed=3)
    assert {s: len(x) for s, x in dataset.splits.items()} == {"train": 16, "val": 4}
    names = {x.name(i) for x in dataset.splits.values() for i in range(len(x))}
    assert len(names) == 20
    assert dataset.task == "detection"
    assert set().union(*words(dataset, "val")) == {"disc", "square"}, "each class is in both"


def test_a_hint_where_most_boxes_leave_their_pictures(tmp_path: Path) -> None:
    """Two corners that stand where corner and size belong."""
    write_picture(tmp_path / "train" / "a.png")
    rows = [box(20 + k, 15, 35, 25) for k in range(5)]
    assert noted(
        opened(coco(tmp_path, rows)), "most boxes leave their pictures; are they two corners"
    )
