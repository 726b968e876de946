from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onestop.data.sources.objects.tables import columns_of, is_headless, is_table_of_boxes
from onestop.errors import DataError
from tests.data.sources.objects.made import boxes, noted, opened, words
from tests.objects_made import write_picture


def table(root: Path, text: str, *, name: str = "train.csv", images: str = "images") -> Path:
    """A table beside images of 40 x 30 pixels."""
    for stem in ("a", "b"):
        write_picture(root / images / f"{stem}.png")
    (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    "text",
    [
        "images/a.png,2,3,10,9,cat\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,40,30,cat,2,3,10,9\n",
        '"image","xmin","ymin","xmax","ymax","label"\n"a.png",2.0,3,10,9.0,"cat"\n',
        "image_name,label_name,x1,y1,w,h\na.png,cat,2,3,8,6\n",
        'image_name,label_name,bbox\na.png,cat,"[2, 3, 10, 9]"\n',
        'image_name,label_name,bbox\na.png,cat,"2 3 10 9"\n',
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,cat,1,0.05,0.25,0.1,0.3\n",
        "filename;class;xmin;ymin;xmax;ymax\na.png;cat;2;3;10;9\n",
        "image_id,bbox_x,bbox_y,bbox_w,bbox_h,label\na.png,2,3,8,6,cat\n",
    ],
    ids=["RetinaNet", "TensorFlow", "VoTT", "Kaggle w h", "list", "words", "Open Images", "semicolons",
         "corner and size"],
)  # fmt: skip
def test_dialects(tmp_path: Path, text: str) -> None:
    root = table(tmp_path, text)
    for source in (root, root / "train.csv"):
        dataset = opened(source)
        assert boxes(dataset) == [pytest.approx([2, 3, 10, 9])]
        assert words(dataset) == [("cat",)]


def test_the_order_of_open_images_is_x_x_y_y(tmp_path: Path) -> None:
    text = "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\nb,/m/0,0.5,0.75,0.1,0.2,1\n"
    (tmp_path / "class-descriptions.csv").write_text("/m/0,Cat\n")
    dataset = opened(table(tmp_path, text, name="train-annotations-bbox.csv"))
    assert boxes(dataset) == [pytest.approx([20, 3, 30, 6])]
    assert words(dataset) == [("Cat",)], "the name of /m/0"
    value: Any = dataset.splits["train"].targets[0]
    assert value.crowd.tolist() == [True], "a group is a crowd"


def test_several_rows_are_one_image_and_empty_cells_background(tmp_path: Path) -> None:
    text = "a.png,2,3,10,9,cat\nb.png,,,,,\na.png,12,3,20,9,dog\n"
    dataset = opened(table(tmp_path, text))
    assert words(dataset) == [("cat", "dog"), ()]
    assert noted(dataset, "images without objects are background: 1 of 2 in 'train'")


def test_a_column_or_the_name_of_the_file_gives_the_split(tmp_path: Path) -> None:
    text = "filename,class,xmin,ymin,xmax,ymax,split\na.png,cat,2,3,9,9,train\n"
    text += "b.png,cat,2,3,9,9,valid\n"
    assert list(opened(table(tmp_path / "x", text)).splits) == ["train", "val"]
    header = "image,xmin,ymin,xmax,ymax,label\n"
    table(tmp_path / "y", f"{header}a.png,2,3,9,9,cat\n", name="train-export.csv")
    root = table(tmp_path / "y", f"{header}b.png,2,3,9,9,cat\n", name="test-export.csv")
    assert list(opened(root).splits) == ["train", "test"]


def test_a_group_is_never_divided(tmp_path: Path) -> None:
    text = (
        "filename,class,xmin,ymin,xmax,ymax,patient\na.png,cat,2,3,9,9,p1\nb.png,cat,2,3,9,9,p1\n"
    )
    assert opened(table(tmp_path, text)).groups["train"].tolist() == [0, 0]


def test_rows_of_images_that_are_not_there_are_counted(tmp_path: Path) -> None:
    dataset = opened(
        table(tmp_path, "a.png,2,3,10,9,cat\ngone.png,2,3,10,9,cat\ngone.png,1,1,9,9,cat\n")
    )
    assert noted(dataset, "1 image not there: not used (gone.png)")


def test_width_and_height_as_the_annotated_size(tmp_path: Path) -> None:
    text = "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,80,60,cat,2,3,10,9\n"
    assert noted(opened(table(tmp_path, text)), "1 image annotated with another size")


def test_a_row_of_another_length_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.csv:2: 5 values"):
        opened(table(tmp_path, "a.png,2,3,10,9,cat\na.png,2,3,10,9\n"))


def test_boxes_in_one_cell_are_corner_and_size_where_they_cannot_be_two_corners(
    tmp_path: Path,
) -> None:
    text = 'image_id,bbox\na.png,"[20, 15, 10, 5]"\n'
    dataset = opened(table(tmp_path, text))
    assert boxes(dataset) == [[20, 15, 30, 20]]
    assert noted(dataset, "boxes are read as x, y, width, height")


def test_tables_of_paths_and_labels_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label\na.png,cat\n")
    assert not is_table_of_boxes(tmp_path / "t.csv")
    assert columns_of(["image", "x", "y"]) is None
    assert not is_headless(["a.png", "1", "2", "3", "4", ""])
    assert not is_headless(["a.png", "1", "2", "x", "4", "cat"])
    assert is_headless(["a.png", "", "", "", "", ""])
