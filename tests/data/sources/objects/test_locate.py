from __future__ import annotations

from pathlib import Path

import pytest

from onestop.data.sources.objects.find import below, files_of, split_of_path
from onestop.data.sources.objects.locate import Images, is_picture, outside
from tests.objects_made import write_picture


def test_an_image_is_found_as_written_then_by_the_end_of_its_path(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "b/2.png"):
        write_picture(tmp_path / name)
    images = Images(tmp_path)
    assert images.find("1.png", ["b"]) == "b/1.png"
    assert images.find("a/1.png", ["b"]) == "a/1.png"
    assert images.find("D:\\x\\b\\1.png") == "b/1.png"
    assert images.find("2.PNG") == "b/2.png", "where only one is called so"
    assert images.find("1.png") is None, "two are called so"
    assert images.find("") is None
    assert images.find("../../etc/passwd") is None
    assert images.find_stem("2", ["a", "b"]) == "b/2.png"


def test_what_is_a_picture(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png").rename(tmp_path / "a")
    assert is_picture(path)
    assert not is_picture(tmp_path / "gone")
    assert outside(["a", "../b", "/c"]) == ["../b", "/c"]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("annotations/instances_train2017.json", "train"), ("train/_annotations.coco.json", "train"),
        ("valid/x.json", "val"), ("person_keypoints_val.json", "val"), ("x.json", None),
        ("data/trainval.json", "train"), ("test-export.csv", "test"), ("train_val.json", "train"),
    ],
)  # fmt: skip
def test_a_file_tells_its_split(tmp_path: Path, path: str, split: str | None) -> None:
    assert split_of_path(tmp_path / path, tmp_path) == split


def test_files_are_looked_for_some_levels_deep_and_links_once(tmp_path: Path) -> None:
    deep = tmp_path / "1" / "2" / "3" / "4"
    deep.mkdir(parents=True)
    for folder in (tmp_path, deep.parent, deep):
        (folder / "a.json").write_text("{}")
    (tmp_path / "1" / "loop").symlink_to(tmp_path)
    (tmp_path / ".hidden.json").write_text("{}")
    assert files_of(tmp_path, ".json") == [deep.parent / "a.json", tmp_path / "a.json"]
    assert len(list(below(tmp_path, deep=0))) == 1
