from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onestop.data.sources.objects.labelme import is_labelme, read_labelme
from tests.data.sources.objects.made import boxes, noted, opened, words, write_json
from tests.objects_made import write_picture


def labelme(root: Path, shapes: list[dict[str, Any]], *, stem: str = "a", path: str = "") -> Path:
    write_picture(root / f"{stem}.jpg")
    values = {
        "version": "5.0", "shapes": shapes, "imagePath": path or f"{stem}.jpg", "imageWidth": 40,
        "imageHeight": 30, "imageData": None,
    }  # fmt: skip
    write_json(root / f"{stem}.json", values)
    return root


def shape(kind: str, *points: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"label": "cat", "points": list(map(list, points)), "shape_type": kind} | more


def test_polygons_rectangles_and_circles(tmp_path: Path) -> None:
    rows = [
        shape("polygon", (2, 2), (10, 2), (10, 8)), shape("rectangle", (20, 20), (12, 15)),
        shape("circle", (30, 10), (34, 10)),
    ]  # fmt: skip
    assert np.allclose(
        boxes(opened(labelme(tmp_path, rows))), [[2, 2, 10, 8], [12, 15, 20, 20], [26, 6, 34, 14]]
    )


def test_parts_of_a_group_are_one_object(tmp_path: Path) -> None:
    left, right = [(2, 2), (6, 2), (6, 8)], [(20, 2), (26, 2), (26, 8)]
    rows = [shape("polygon", *left, group_id=1), shape("polygon", *right, group_id=1)]
    rows.append(shape("polygon", (2, 20), (6, 20), (6, 25), group_id=2))
    assert boxes(opened(labelme(tmp_path, rows))) == [[2, 2, 26, 8], [2, 20, 6, 25]]


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (shape("point", (3, 3)), "1 object without area (a point of 1 points)"),
        (shape("line", (3, 3), (9, 9)), "1 object without area (a line of 2 points)"),
        (shape("polygon", (3, 3), (9, 9)), "1 object without area"),
        (shape("polygon", ("x", 3), (9, 9), (1, 1)), "with a coordinate that is no number"),  # type: ignore[arg-type]
        (shape("rectangle", (5, 5), (9, 9), label=""), "1 object without a class"),
    ],
)
def test_what_is_broken_is_counted_and_named(tmp_path: Path, row: Any, note: str) -> None:
    dataset = opened(labelme(tmp_path, [shape("rectangle", (2, 2), (9, 9)), row]))
    assert noted(dataset, note), dataset.notes
    assert words(dataset) == [("cat",)]


@pytest.mark.parametrize(
    "path", ["..\\photos\\a.jpg", "C:\\x\\a.jpg", "/home/me/a.jpg", "gone.jpg"]
)
def test_the_image_is_found_by_the_end_of_its_path_or_by_its_stem(
    tmp_path: Path, path: str
) -> None:
    dataset = opened(labelme(tmp_path, [shape("rectangle", (2, 2), (9, 9))], path=path))
    assert dataset.splits["train"].name(0) == "a.jpg"


def test_a_file_without_shapes_is_background_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    labelme(tmp_path, [shape("rectangle", (2, 2), (9, 9))])
    labelme(tmp_path, [], stem="b")
    (tmp_path / "c.json").write_text("{")
    dataset = opened(tmp_path)
    assert words(dataset) == [("cat",), ()]
    assert noted(dataset, "1 file damaged")


OLD = (
    "<annotation><filename>a.jpg</filename><folder>s</folder><object><name>cat</name>"
    "<deleted>0</deleted><polygon><pt><x>2</x><y>2</y></pt><pt><x>9</x><y>2</y></pt>"
    "<pt><x>9</x><y>7</y></pt></polygon></object><object><name>dog</name><deleted>1</deleted>"
    "<polygon><pt><x>2</x><y>2</y></pt></polygon></object><object><name>cow</name><segm><box>"
    "<xmin>20</xmin><ymin>4</ymin><xmax>30</xmax><ymax>9</ymax></box></segm></object>"
    "<imagesize><nrows>30</nrows><ncols>40</ncols></imagesize></annotation>"
)


def test_the_older_web_tool_writes_xml(tmp_path: Path) -> None:
    write_picture(tmp_path / "Images" / "s" / "a.jpg")
    path = tmp_path / "Annotations" / "s" / "a.xml"
    path.parent.mkdir(parents=True)
    path.write_text(OLD)
    dataset = opened(tmp_path)
    assert boxes(dataset) == [[2, 2, 9, 7], [20, 4, 30, 9]]
    assert dataset.notes[0].startswith("read as LabelMe")


def test_other_files_are_not_taken_for_it(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"shapes": 3})
    (tmp_path / "a.xml").write_text("<project/>")
    assert read_labelme(tmp_path) is None
    assert is_labelme({"shapes": []})
