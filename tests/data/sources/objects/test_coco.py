from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onestop.data.sources.objects.coco import flip_pairs, is_coco
from onestop.errors import DataError
from tests.data.sources.objects.made import box, boxes, coco, noted, opened, words, write_json
from tests.objects_made import NAMES, scenes, write_coco, write_picture


def test_boxes_are_corner_and_size_and_ids_may_have_holes(tmp_path: Path) -> None:
    made = write_coco(tmp_path, {"train": 3, "val": 2})
    dataset = opened(tmp_path)
    assert dataset.classes == NAMES, "3 and 90 in the file"
    for split, those in made.items():
        for k, one in enumerate(those):
            assert boxes(dataset, split, k) == [list(map(float, b)) for b in one.boxes]
            value: Any = dataset.splits[split].targets[k]
            assert value.classes.tolist() == one.classes
            assert np.array_equal([m.decode() for m in value.objects.masks], one.masks), (
                "run lengths as text"
            )
    assert dataset.notes[0].startswith("read as COCO JSON: boxes, masks of disc, square")


def test_an_annotation_with_the_id_0_counts_like_others(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    coco(tmp_path, [box(1, 2, 10, 5) | {"id": 0}, box(20, 2, 10, 5) | {"id": 0}])
    assert boxes(opened(tmp_path)) == [[1, 2, 11, 7], [20, 2, 30, 7]]


@pytest.mark.parametrize("ids", [(0, 1), (1, 5), (7, 3), ("7", 3)])
def test_category_ids_may_begin_anywhere_and_be_text(tmp_path: Path, ids: Any) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [{"id": i, "name": name} for i, name in zip(ids, ("cat", "dog"), strict=True)]
    rows = [box(1, 1, 5, 5) | {"category_id": int(ids[0])}]
    rows += [box(9, 9, 5, 5) | {"category_id": ids[1]}]
    dataset = opened(coco(tmp_path, rows, categories=categories))
    assert words(dataset) == [("cat", "dog")]


def test_an_unused_group_of_classes_is_no_class(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [
        {"id": 0, "name": "pets", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "pets"},
    ]
    dataset = opened(coco(tmp_path, [box(1, 1, 5, 5)], categories=categories))
    assert dataset.classes == ("cat",)
    assert not noted(dataset, "classes without objects")


def test_other_classes_without_objects_are_left_out_and_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [{"id": 2, "name": "dog"}, {"id": 1, "name": "cat"}]
    dataset = opened(coco(tmp_path, [box(1, 1, 5, 5)], categories=categories))
    assert dataset.classes == ("cat",)
    assert noted(dataset, "classes without objects are left out: dog")


def test_crowds_are_kept_as_crowds(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    dataset = opened(coco(tmp_path, [box(1, 1, 5, 5), box(9, 1, 20, 20, iscrowd=1)]))
    value: Any = dataset.splits["train"].targets[0]
    assert value.crowd.tolist() == [False, True]


def test_images_without_annotations_are_background(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_picture(tmp_path / "train" / f"{name}.png")
    images = [{"id": i, "file_name": f"{n}.png"} for i, n in ((1, "a"), (2, "b"))]
    dataset = opened(coco(tmp_path, [box(1, 1, 5, 5)], images=images))
    assert words(dataset) == [("cat",), ()]
    assert noted(dataset, "images without objects are background: 1 of 2 in 'train'")


SQUARE = [4.0, 4.0, 10.0, 4.0, 10.0, 10.0, 4.0, 10.0]


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ([SQUARE], 36),
        ([SQUARE, [20.0, 4.0, 24.0, 4.0, 24.0, 8.0, 20.0, 8.0]], 52),
        ({"size": [30, 40], "counts": [153, 4, 26, 4, 1013]}, 8),
    ],
)
def test_outlines_are_polygons_or_run_lengths(tmp_path: Path, shape: Any, area: int) -> None:
    write_picture(tmp_path / "train" / "a.png")
    dataset = opened(coco(tmp_path, [box(4, 4, 20, 6, segmentation=shape)]))
    value: Any = dataset.splits["train"].targets[0]
    assert value.objects.masks[0].area == area


def test_the_area_is_that_of_the_file(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    value: Any = opened(coco(tmp_path, [box(4, 4, 20, 6, area=77.5)])).splits["train"].targets[0]
    assert value.areas.tolist() == [77.5]


def test_a_box_may_follow_from_its_outline(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    row = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}
    assert boxes(opened(coco(tmp_path, [row]))) == [[4, 4, 10, 10]]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"category_id": 9}, "1 annotation of a category that is not listed: not used"),
        ({"image_id": 9}, "1 annotation of an image that is not listed: not used"),
        ({"bbox": [1, 2, "x", 4]}, "1 object with a coordinate that is no number: not used"),
        ({"bbox": [1, 2, float("nan"), 4]}, "1 object with a coordinate that is no number"),
        ({"bbox": [1, 2, 3]}, "1 object with a coordinate that is no number"),
        ({"bbox": [100, 2, 3, 4]}, "1 object outside the picture: not used"),
        ({"bbox": [1, 2, 0, 4]}, "1 object less than a pixel wide or high: not used"),
        ({"bbox": [10, 10, -4, -4]}, "1 object with corners in another order: sorted"),
        ({"bbox": [30, 20, 30, 30]}, "1 object reaching beyond the picture: clipped"),
        ({"segmentation": {"size": [3, 3], "counts": [4]}}, "with a damaged mask"),
        ({"segmentation": {"size": [3, 3], "counts": [0, 9]}}, "with a mask of another size"),
        ({"segmentation": [[1, 2, 3, 4]]}, "with an outline of fewer than three corners"),
        ({"keypoints": [1, 2, 2]}, "with key points that its category does not name"),
    ],
)
def test_what_is_broken_is_counted_and_named(
    tmp_path: Path, change: dict[str, Any], note: str
) -> None:
    write_picture(tmp_path / "train" / "a.png")
    dataset = opened(coco(tmp_path, [box(2, 2, 6, 6), box(12, 12, 8, 8) | change]))
    assert noted(dataset, note), dataset.notes
    assert [2, 2, 8, 8] in boxes(dataset)


def test_images_that_are_not_there_are_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "gone.png"}]
    rows = [box(1, 1, 5, 5), box(1, 1, 5, 5) | {"image_id": 2}]
    dataset = opened(coco(tmp_path, rows, images=images))
    assert noted(dataset, "1 image not there: not used (gone.png)")
    assert not noted(dataset, "not listed"), "its annotations are not counted again"
    assert [s.path for s in dataset.skipped] == ["gone.png"]


@pytest.mark.parametrize(
    "name",
    ["a.png", "train/a.png", "./train/a.png", "C:\\photos\\train\\a.png", "/home/x/train/a.png"],
)
def test_a_file_name_may_have_folders_of_another_machine(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / "train" / "a.png")
    images = [{"id": 1, "file_name": name, "width": 40, "height": 30}]
    assert len(opened(coco(tmp_path, [box(1, 1, 5, 5)], images=images)).splits["train"]) == 1


@pytest.mark.parametrize("folder", ["train", "images/train", "images", "train/images", ""])
@pytest.mark.parametrize("file", ["annotations/instances_train.json", "instances_train2017.json"])
def test_layouts(tmp_path: Path, folder: str, file: str) -> None:
    write_picture(tmp_path / folder / "a.png")
    assert opened(coco(tmp_path, [box(1, 1, 5, 5)], file=file)).splits.keys() == {"train"}


@pytest.mark.parametrize("val", ["valid", "val", "validation"])
def test_the_layout_of_roboflow(tmp_path: Path, val: str) -> None:
    for split in ("train", val, "test"):
        write_picture(tmp_path / split / "a.png")
        coco(tmp_path, [box(1, 1, 5, 5)], file=f"{split}/_annotations.coco.json")
    assert list(opened(tmp_path).splits) == ["train", "val", "test"]


def test_splits_may_number_their_categories_differently(tmp_path: Path) -> None:
    for split, number in (("train", 1), ("val", 2)):
        write_picture(tmp_path / split / "a.png")
        categories = [{"id": number, "name": "cat"}, {"id": 3 - number, "name": "dog"}]
        rows = [box(1, 1, 5, 5) | {"category_id": number}, box(9, 9, 5, 5, category_id=3 - number)]
        coco(tmp_path, rows, categories=categories, file=f"annotations/instances_{split}.json")
    dataset = opened(tmp_path)
    values: list[Any] = [dataset.splits[s].targets[0].classes.tolist() for s in ("train", "val")]
    assert values[0] == values[1] == [0, 1]


def test_one_id_for_two_names_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]
    with pytest.raises(DataError, match="category id 1 is both 'cat' and 'dog'"):
        opened(coco(tmp_path, [box(1, 1, 5, 5)], categories=categories))


def test_of_several_files_for_a_split_the_one_that_says_most_is_read(tmp_path: Path) -> None:
    write_coco(tmp_path, {"train": 2}, points=True)
    plain = json.loads((tmp_path / "annotations/instances_train.json").read_text())
    plain["categories"] = [{"id": c["id"], "name": c["name"]} for c in plain["categories"]]
    write_json(tmp_path / "annotations" / "captions_train.json", plain)
    dataset = opened(tmp_path)
    assert noted(dataset, "annotations/instances_train.json is read for split 'train', not")
    values: Any = dataset.targets
    assert values.point_names == ("left", "top", "right")
    named = opened(tmp_path / "annotations" / "captions_train.json")
    assert not any(getattr(named.targets, "point_names", ()))


def test_key_points_have_names_pairs_and_a_skeleton_from_one(tmp_path: Path) -> None:
    made = write_coco(tmp_path, {"train": 2}, points=True)
    targets: Any = opened(tmp_path).targets
    assert targets.flip_pairs == ((0, 2),)
    assert targets.skeleton == ((0, 1), (1, 2)), "counted from one in the file"
    x1, y1, x2, y2 = made["train"][0].boxes[0]
    assert targets[0].points[0].tolist() == [
        [x1, (y1 + y2) / 2, 2], [(x1 + x2) / 2, y1, 2], [x2, (y1 + y2) / 2, 2]
    ]  # fmt: skip


def test_categories_with_different_key_points_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [
        {"id": 1, "name": "a", "keypoints": ["x"]}, {"id": 2, "name": "b", "keypoints": ["x", "y"]},
    ]  # fmt: skip
    with pytest.raises(DataError, match="categories have different key points"):
        opened(coco(tmp_path, [box(1, 1, 5, 5)], categories=categories))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["nose", "left_eye", "right_eye"], ((1, 2),)),
        (["snout", "forelegL1", "forelegR1", "hindlegL1", "hindlegR1"], ((1, 2), (3, 4))),
        (["eyeL", "eyeR", "tail", "tail_r"], ((0, 1),)),
        (["l_hip", "r_hip"], ((0, 1),)),
        (["leftKnee", "rightKnee"], ((0, 1),)),
        (["a", "b"], None),
        (["left_eye", "nose"], None),
        ([], None),
    ],
)
def test_left_and_right_are_known_by_name(names: list[str], pairs: Any) -> None:
    assert flip_pairs(names) == pairs


def test_without_known_pairs_images_are_not_mirrored(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "a.png")
    categories = [{"id": 1, "name": "cat", "keypoints": ["1", "2"]}]
    row = box(1, 1, 9, 9, keypoints=[2, 2, 2, 4, 4, 1])
    assert not opened(coco(tmp_path, [row], categories=categories)).targets.mirrors


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"images": []}', "null", '{"images": 1, "annotations": [], "categories": []}'],
)
def test_other_json_is_not_taken_for_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.json"
    path.write_text(text)
    from onestop.data.sources.objects.coco import read_coco

    assert read_coco(tmp_path) is None


def test_a_damaged_file_that_is_called_so_is_named(tmp_path: Path) -> None:
    (tmp_path / "_annotations.coco.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"_annotations\.coco\.json: no valid JSON"):
        opened(tmp_path)


def test_is_coco() -> None:
    assert is_coco({"images": [], "annotations": [], "categories": []})
    assert not is_coco({"images": []})
    assert not is_coco([scenes])
