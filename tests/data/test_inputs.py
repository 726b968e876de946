"""Images as a person gives them, in the order in which they were named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onestop.data.inputs import given_images, names_of
from onestop.errors import DataError


def test_folders_are_searched_and_files_kept_in_order(photos: Callable[..., Path]) -> None:
    folder = photos({"b": 2, "a": 1})
    (folder / "notes.txt").touch()
    last = folder / "b" / "001.jpg"
    found, skipped = given_images([str(last), folder])
    assert found == [last, folder / "a" / "000.jpg", folder / "b" / "000.jpg", last]
    assert [(s.path, s.reason) for s in skipped] == [
        (str(folder / "notes.txt"), ".txt is not an image")
    ]


@pytest.mark.parametrize("image", [b"bytes", np.zeros((2, 2), np.uint8)], ids=["bytes", "array"])
def test_one_image_in_memory_is_a_list_of_one(image: object) -> None:
    found, skipped = given_images(image)
    assert len(found) == 1
    assert found[0] is image
    assert skipped == []


def test_names_are_paths_or_numbers() -> None:
    assert names_of([Path("a.png"), b"", "b.png"]) == ["a.png", "#1", "b.png"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.png: no such image or folder$"):
        given_images([tmp_path / "no.png"])
    with pytest.raises(DataError, match="no images in this folder"):
        given_images(tmp_path)
