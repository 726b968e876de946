"""Which format a source is of, and that folders of classes stay what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.data import open_data
from onestop.data.sources.objects import READERS, open_objects
from onestop.data.sources.options import Options
from onestop.errors import DataError, UsageError
from tests.data.sources.objects.made import box, coco
from tests.objects_made import write_coco, write_picture


def classes(root: Path) -> Path:
    for name in ("cats", "dogs"):
        for k in range(3):
            write_picture(root / name / f"{k}.png")
    return root


def test_folders_of_classes_are_no_objects(tmp_path: Path) -> None:
    (classes(tmp_path) / "info.json").write_text('{"author": "me"}')
    (tmp_path / "about.xml").write_text("<project><name>x</name></project>")
    (tmp_path / "cats" / "readme.txt").write_text("cats of the street\n")
    assert open_objects(tmp_path) is None
    assert open_data(tmp_path).task == "classification"


def test_the_task_decides_between_two_readings(tmp_path: Path) -> None:
    classes(tmp_path)
    images = [{"id": 1, "file_name": "cats/0.png"}]
    coco(tmp_path, [box(1, 1, 5, 5)], images=images)
    assert open_data(tmp_path, val_fraction=0).task == "detection"
    assert open_data(tmp_path, task="detection", val_fraction=0).task == "detection"
    assert open_data(tmp_path, task="classification").task == "classification"


def test_objects_that_are_wanted_and_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no annotations of objects in a known format"):
        open_data(classes(tmp_path), task="detection")
    with pytest.raises(DataError, match="has labels of whole images"):
        open_data("digits", task="detection")


def test_settings_of_tables_are_for_tables_of_labels(tmp_path: Path) -> None:
    write_coco(tmp_path, {"train": 2})
    with pytest.raises(UsageError, match="--image-root x: is for tables of paths and labels"):
        open_data(tmp_path, image_root="x")
    assert open_objects(tmp_path, Options(task="regression")) is None


def test_a_file_is_a_source_too(tmp_path: Path) -> None:
    write_coco(tmp_path, {"train": 3})
    file = tmp_path / "annotations" / "instances_train.json"
    assert len(open_data(file, val_fraction=0).splits["train"]) == 3
    assert open_objects(tmp_path / "gone") is None


def test_each_format_has_a_name() -> None:
    assert next(iter(READERS)) == "COCO JSON"
    assert len(READERS) == 6
