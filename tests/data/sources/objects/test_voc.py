from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.sources.objects.made import boxes, noted, opened, words
from tests.objects_made import voc_xml, write_picture


def voc(
    root: Path, boxes: list[tuple[float, ...]], *, stem: str = "a", size: tuple[int, int] = (40, 30),
    folder: str = "Annotations", images: str = "JPEGImages", extra: str = "", filename: str = "a.jpg",
) -> Path:  # fmt: skip
    write_picture(root / images / f"{stem}.jpg")
    path = root / folder / f"{stem}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(voc_xml(filename, size, [("cat", b) for b in boxes], extra))
    return root


def test_pixels_count_from_one_where_no_corner_is_zero(tmp_path: Path) -> None:
    dataset = opened(voc(tmp_path, [(1, 1, 10, 10), (5, 6, 40, 30)]))
    assert boxes(dataset) == [[0, 0, 10, 10], [4, 5, 40, 30]]
    assert noted(dataset, "coordinates count from 1")


def test_pixels_count_from_zero_where_a_corner_of_the_set_is_zero(tmp_path: Path) -> None:
    voc(tmp_path, [(5, 6, 39, 29)], stem="a")
    dataset = opened(voc(tmp_path, [(0, 3, 10, 10)], stem="b"))
    assert boxes(dataset, index=0) == [[5, 6, 39, 29]]
    assert noted(dataset, "coordinates count from 0")


def test_the_image_is_the_one_of_the_same_stem_whatever_filename_says(tmp_path: Path) -> None:
    write_picture(tmp_path / "JPEGImages" / "other.jpg")
    dataset = opened(voc(tmp_path, [(2, 2, 9, 9)], filename="other.png"))
    assert dataset.splits["train"].name(0) == "JPEGImages/a.jpg"


@pytest.mark.parametrize(
    ("folder", "images"),
    [("annotations", "images"), ("Annotations", "Annotations"), (".", "."), ("xml", "images"),
     ("Annotations/train", "JPEGImages/train")],
)  # fmt: skip
def test_layouts(tmp_path: Path, folder: str, images: str) -> None:
    dataset = opened(voc(tmp_path, [(2, 2, 9, 9)], folder=folder, images=images))
    assert len(dataset.splits["train"]) == 1


def test_folders_of_splits(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        voc(tmp_path, [(2, 2, 9, 9)], folder=split, images=split)
    assert list(opened(tmp_path).splits) == ["train", "val"]


def test_parts_of_an_object_are_no_objects(tmp_path: Path) -> None:
    part = (
        "<object><name>dog</name><bndbox><xmin>20</xmin><ymin>2</ymin><xmax>30</xmax><ymax>9</ymax>"
        "</bndbox><part><name>head</name><bndbox><xmin>21</xmin><ymin>3</ymin><xmax>22</xmax>"
        "<ymax>4</ymax></bndbox></part></object>"
    )
    dataset = opened(voc(tmp_path, [(2, 2, 9, 9)], extra=part))
    assert boxes(dataset) == [[1, 1, 9, 9], [19, 1, 30, 9]]
    assert words(dataset) == [("cat", "dog")]


def test_difficult_objects_are_neither_learned_nor_counted(tmp_path: Path) -> None:
    hard = (
        "<object><name>cat</name><difficult>1</difficult><bndbox><xmin>20</xmin><ymin>2</ymin>"
        "<xmax>30</xmax><ymax>9</ymax></bndbox></object>"
    )
    dataset = opened(voc(tmp_path, [(2, 2, 9, 9)], extra=hard))
    value: Any = dataset.splits["train"].targets[0]
    assert value.crowd.tolist() == [False, True]
    assert noted(dataset, "1 object marked difficult: not trained on and not counted")


def test_lists_divide_images_and_others_are_named(tmp_path: Path) -> None:
    for stem in "abcd":
        voc(tmp_path, [(2, 2, 9, 9)], stem=stem)
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b 1\ngone\n")
    (lists / "test.txt").write_text("c\na\n")
    (lists / "trainval.txt").write_text("a\nb\n")
    (lists / "cat_train.txt").write_text("a 1\nb -1\n")
    dataset = opened(tmp_path)
    assert {s: [x.name(0)] for s, x in dataset.splits.items()} == {
        "train": ["JPEGImages/a.jpg"], "val": ["JPEGImages/b.jpg"], "test": ["JPEGImages/c.jpg"]
    }  # fmt: skip
    assert noted(dataset, "1 image in none of the lists of ImageSets/Main: not used (JPEGImages/d")
    assert noted(dataset, "1 image listed in val.txt without XML: not used (gone)")
    assert noted(dataset, "1 image in two lists")


def test_trainval_counts_where_there_is_no_train(tmp_path: Path) -> None:
    voc(tmp_path, [(2, 2, 9, 9)])
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "trainval.txt").write_text("a\n")
    assert list(opened(tmp_path).splits) == ["train"]


def test_a_size_of_nothing_says_nothing(tmp_path: Path) -> None:
    dataset = opened(voc(tmp_path, [(2, 2, 9, 9)], size=(0, 0)))
    assert boxes(dataset) == [[1, 1, 9, 9]]
    assert not noted(dataset, "annotated with")


def test_an_image_without_xml_is_not_background(tmp_path: Path) -> None:
    write_picture(tmp_path / "JPEGImages" / "b.jpg")
    dataset = opened(voc(tmp_path, [(2, 2, 9, 9)]))
    assert len(dataset.splits["train"]) == 1
    assert noted(dataset, "1 image without XML not used (JPEGImages/b.jpg)")


def test_an_xml_without_objects_is_background(tmp_path: Path) -> None:
    voc(tmp_path, [(2, 2, 9, 9)])
    assert words(opened(voc(tmp_path, [], stem="b"))) == [("cat",), ()]


@pytest.mark.parametrize(
    "text",
    ["", "<annotation>", "<a><b></a>", "no xml", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
     "<annotation>&e;</annotation>", "<annotation>" + "<x>" * 100, "\0\1\2"],
)  # fmt: skip
def test_damaged_files_are_counted_and_named(tmp_path: Path, text: str) -> None:
    voc(tmp_path, [(2, 2, 9, 9)])
    (tmp_path / "Annotations" / "bad.xml").write_text(text)
    dataset = opened(tmp_path)
    assert len(dataset.splits["train"]) == 1
    assert noted(dataset, "1 file damaged"), dataset.notes


def test_floats_and_text_as_coordinates(tmp_path: Path) -> None:
    dataset = opened(voc(tmp_path, [(2.5, 2.25, 9.5, 9)]))
    assert boxes(dataset) == [[1.5, 1.25, 9.5, 9]]
