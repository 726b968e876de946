from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from onestop.errors import DataError
from tests.data.sources.objects.made import boxes, noted, opened, words
from tests.objects_made import write_picture


def yolo(
    root: Path, text: str | None, *, stem: str = "a", split: str = "train", values: Any = None
) -> Path:
    """An image of 40 x 30 pixels and its text file, with data.yaml."""
    write_picture(root / "images" / split / f"{stem}.png")
    if text is not None:
        path = root / "labels" / split / f"{stem}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = {"path": ".", "train": "images/train", "names": ["cat", "dog"]} | (values or {})
    (root / "data.yaml").write_text(yaml.safe_dump(settings))
    return root


def test_boxes_are_centre_and_size_in_fractions(tmp_path: Path) -> None:
    dataset = opened(yolo(tmp_path, "1 0.5 0.5 0.25 0.2\n0 0.25 0.5 0.5 1\n"))
    assert np.allclose(boxes(dataset), [[15, 12, 25, 18], [0, 0, 20, 30]])
    assert words(dataset) == [("cat", "dog")]
    value: Any = dataset.splits["train"].targets[0]
    assert value.classes.tolist() == [1, 0]


@pytest.mark.parametrize("text", [None, "", "\n \n"])
def test_no_file_and_an_empty_one_mean_background(tmp_path: Path, text: str | None) -> None:
    yolo(tmp_path, "0 0.5 0.5 0.25 0.2\n")
    dataset = opened(yolo(tmp_path, text, stem="b"))
    assert words(dataset) == [("cat",), ()]
    assert noted(dataset, "1 of 2 in 'train'")
    assert noted(dataset, "1 image without text file: background") == (text is None)


def test_a_value_slightly_over_1_does_not_cost_the_image(tmp_path: Path) -> None:
    dataset = opened(yolo(tmp_path, "0 0.9 0.5 0.2042 0.2\n1 0.2 0.2 0.1 0.1\n"))
    assert np.allclose(boxes(dataset)[0], [31.916, 12, 40, 18], atol=1e-3)
    assert len(boxes(dataset)) == 2
    assert noted(dataset, "1 object reaching beyond the picture: clipped")


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("0 20 15 8 6", "with coordinates that are no fractions of the picture"),
        ("7 0.5 0.5 0.1 0.1", "1 object of class 7, which has no name: not used"),
        ("0.5 0.5 0.5 0.1 0.1", "of class 0.5, which has no name"),
        ("-1 0.5 0.5 0.1 0.1", "of class -1, which has no name"),
        ("0 0.5 0.5 0.1", "1 line that is no object"),
        ("cat 0.5 0.5 0.1 0.1", "1 line that is no object"),
        ("0 nan 0.5 0.1 0.1", "1 line that is no object"),
        ("0 0.5 0.5 0.1 0.1 0.9", "with a sixth number, as predictions have: left out"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "1 object of 8 numbers, neither a box nor a polygon"),
        ("0 0.5 0.5 0 0.1", "less than a pixel wide or high"),
        ("0 1.5 0.5 0.1 0.1", "outside the picture"),
        ("0 0.5 0.5 0.1 0.1", "1 object there twice"),
    ],
)
def test_what_is_broken_is_counted_and_named(tmp_path: Path, line: str, note: str) -> None:
    dataset = opened(yolo(tmp_path, f"0 0.5 0.5 0.1 0.1\n{line}\n1 0.2 0.2 0.1 0.1\n"))
    assert noted(dataset, note), dataset.notes
    assert words(dataset) == [("cat", "dog")]


def test_seven_and_more_numbers_are_a_polygon(tmp_path: Path) -> None:
    dataset = opened(yolo(tmp_path, "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n"))
    assert boxes(dataset) == [[4, 3, 20, 15]]
    value: Any = dataset.splits["train"].targets[0]
    assert value.objects.masks[0].area == 16 * 12


LINE = "0 0.5 0.5 0.5 0.5 " + " ".join(f"0.{k} 0.{k} 2" for k in range(3, 7))  # 17 numbers


def test_seventeen_numbers_are_a_polygon_or_key_points_as_data_yaml_says(tmp_path: Path) -> None:
    with_points = {"kpt_shape": [4, 3], "flip_idx": [1, 0, 2, 3]}
    targets: Any = opened(yolo(tmp_path / "a", LINE, values=with_points)).targets
    assert targets.flip_pairs == ((0, 1),)
    assert targets.point_names == ("1", "2", "3", "4")
    assert np.allclose(targets[0].points[0, 0], [12, 9, 2])
    assert np.allclose(targets[0].boxes, [[10, 7.5, 30, 22.5]])
    without: Any = opened(yolo(tmp_path / "b", LINE)).targets
    assert without.point_names == ()
    assert without.has_masks


def test_points_of_two_numbers_are_visible_unless_they_are_at_the_origin(tmp_path: Path) -> None:
    line = "0 0.5 0.5 0.5 0.5 0.3 0.3 0 0"
    targets: Any = opened(yolo(tmp_path, line, values={"kpt_shape": [2, 2]})).targets
    assert targets[0].points[0, :, 2].tolist() == [2, 0]
    assert not targets.mirrors, "nobody said which points change places"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"kpt_shape": [2]}, "kpt_shape"),
        ({"kpt_shape": [2, 5]}, "kpt_shape"),
        ({"kpt_shape": [2, 3], "flip_idx": [1, 1]}, "flip_idx must hold each of 0 to 1 once"),
        ({"train": "nowhere"}, "'nowhere': no such folder or list of images"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, values: Any, error: str) -> None:
    with pytest.raises(DataError, match=error):
        opened(yolo(tmp_path, LINE, values=values))


@pytest.mark.parametrize("names", [["cat", "dog"], {0: "cat", 1: "dog"}, {"0": "cat", "1": "dog"}])
def test_names_are_a_list_or_numbered(tmp_path: Path, names: Any) -> None:
    text = "1 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.2 0.2"
    assert opened(yolo(tmp_path, text, values={"names": names})).classes == ("cat", "dog")


def test_the_number_of_classes_gives_numbers_as_names(tmp_path: Path) -> None:
    values = {"names": None, "nc": 2}
    assert opened(yolo(tmp_path, "1 0.5 0.5 0.2 0.2", values=values)).classes == ("1",)


@pytest.mark.parametrize(
    "values",
    [
        {"path": "."},
        {"path": None},
        {"path": "../set"},
        {"path": "somewhere/else"},
        {"train": "../images/train"},
        {"train": ["images/train"]},
        {"train": "list.txt"},
    ],
)
def test_paths_are_relative_to_path_or_to_the_file(tmp_path: Path, values: Any) -> None:
    root = yolo(tmp_path / "set", "0 0.5 0.5 0.2 0.2", values=values)
    (root / "list.txt").write_text("./images/train/a.png\n")
    for source in (root, root / "data.yaml"):
        assert len(opened(source).splits["train"]) == 1


def test_splits_of_data_yaml(tmp_path: Path) -> None:
    values = {"val": "images/val", "test": None}
    for split in ("train", "val"):
        yolo(tmp_path, "0 0.5 0.5 0.2 0.2", split=split, values=values)
    assert list(opened(tmp_path).splits) == ["train", "val"]


def test_two_sets_of_labels_for_the_same_images_must_be_chosen(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "train" / "a.png")
    for name, line in (("boxes", "0 0.5 0.5 0.2 0.2"), ("shapes", "4 .1 .1 .5 .1 .5 .5")):
        labels = tmp_path / name / "labels" / "train" / "a.txt"
        labels.parent.mkdir(parents=True)
        labels.write_text(line)
        names = {0: "cat", 4: "cat"}
        settings = {"path": ".", "train": "images/train", "names": names}
        (tmp_path / name / "config.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(DataError, match="has several sets; name one"):
        opened(tmp_path)
    assert not opened(tmp_path / "boxes").targets.has_masks  # type: ignore[attr-defined]
    assert opened(tmp_path / "shapes").targets.has_masks  # type: ignore[attr-defined]


def test_darknet_has_text_beside_images_and_a_list_of_names(tmp_path: Path) -> None:
    write_picture(tmp_path / "obj_train_data" / "a.jpg")
    (tmp_path / "obj_train_data" / "a.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "obj.names").write_text("cat\ndog\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.jpg\n")
    assert opened(tmp_path).classes == ("dog",)


def test_text_files_of_captions_are_not_taken_for_it(tmp_path: Path) -> None:
    from onestop.data.sources.objects.yolo import read_yolo

    write_picture(tmp_path / "cats" / "a.png")
    (tmp_path / "cats" / "a.txt").write_text("a cat on a mat in the sun\n")
    (tmp_path / "cats" / "b.txt").write_text("")
    (tmp_path / "settings.yaml").write_text("train: yes\n")
    assert read_yolo(tmp_path) is None


def test_yaml_with_references_is_refused(tmp_path: Path) -> None:
    root = yolo(tmp_path, "0 0.5 0.5 0.2 0.2")
    (root / "data.yaml").write_text("a: &x [1]\ntrain: *x\nnames: [cat]\n")
    with pytest.raises(DataError, match="has references"):
        opened(root)
