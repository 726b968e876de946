from __future__ import annotations

from pathlib import Path

import pytest

from onestop.data import open_data
from onestop.data.writers.dataset import pictures_of, scheme_of
from onestop.errors import DataError
from tests.data.sources.objects.made import box, coco, opened
from tests.objects_made import write_coco, write_picture


def test_names_lose_their_folders_unless_two_are_alike(tmp_path: Path) -> None:
    write_coco(tmp_path, {"train": 2, "val": 2})
    _, files = pictures_of(opened(tmp_path))
    assert list(files["train"]) == ["train_0.png", "train_1.png"]
    for name in ("x/a.png", "y/b.png"):
        write_picture(tmp_path / "one" / "train" / name)
    images = [{"id": i, "file_name": n} for i, n in ((1, "x/a.png"), (2, "y/b.png"))]
    coco(tmp_path / "one", [box(1, 1, 5, 5)], images=images)
    _, files = pictures_of(opened(tmp_path / "one"))
    assert list(files["train"]) == ["a.png", "b.png"]
    assert files["train"]["a.png"].is_file()


def test_only_objects_can_be_written() -> None:
    with pytest.raises(DataError, match="has no objects, but targets for classification"):
        scheme_of(open_data("digits"))
