"""Trees of folders, on disk and written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from onestop.data.sources.tree import Tree, tree_below

Photos = Callable[..., Path]


def names(folders: tuple[Tree, ...]) -> list[str]:
    return [folder.name for folder in folders]


def test_a_tree_on_disk_is_as_one_written_down(photos: Photos) -> None:
    root = photos({"train/b": 1, "train/a": 2, "empty": 0})
    (root / "labels.csv").touch()
    written = Tree.of({
        "train": {"a": {"000.jpg": 0, "001.jpg": 0}, "b": {"000.jpg": 0}}, "empty": {}, "labels.csv": 0,
    })  # fmt: skip
    for tree in (tree_below(root), written):
        assert names(tree.folders) == ["empty", "train"]
        assert (tree.images, tree.others) == ((), ("labels.csv",))
        empty, train = tree.folders
        assert (empty.holds, train.holds, tree.holds) == (False, True, True)
        assert (train.deep, train.folders[0].deep) == (True, False)
        assert train.folders[0].images == ("000.jpg", "001.jpg")
        assert train.folders[1].path.as_posix() == "train/b"


def test_hidden_folders_and_litter_are_not_there(photos: Photos) -> None:
    tree = tree_below(photos({"a": 1, ".git": 1, "__MACOSX": 1}))
    assert names(tree.folders) == ["a"]


def test_images_are_told_by_content_where_the_name_says_nothing(photos: Photos) -> None:
    root = photos({"a": 2})
    (root / "a" / "000.jpg").rename(root / "a" / "photo")
    (root / "a" / "README").write_text("words")
    (folder,) = tree_below(root).folders
    assert (folder.images, folder.others) == (("001.jpg", "photo"), ("README",))


def test_a_link_into_a_folder_above_is_not_followed(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    try:
        (root / "a" / "up").symlink_to("..", target_is_directory=True)
        (root / "a" / "other").symlink_to("../b", target_is_directory=True)
    except OSError:
        pytest.skip("the system lets this user make no symbolic links")
    assert names(tree_below(root).folders[0].folders) == ["other"]


def test_a_folder_that_cannot_be_listed_is_empty(tmp_path: Path) -> None:
    assert tree_below(tmp_path / "nowhere").folders == ()
