"""Walking through folders; what else is found there is in test_folder.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePath

from onestop.data.sources.walk import Walk

Photos = Callable[..., Path]


def test_images_without_a_suffix_or_with_another_are_images(photos: Photos) -> None:
    root = photos({"a": 4})
    for number, name in enumerate(("img00", "img.01", "photo.dat", "4.JPG_large")):
        (root / "a" / f"00{number}.jpg").rename(root / "a" / name)
    walk = Walk(root)
    assert [Path(path).name for path in walk.images(root / "a")] == [
        "4.JPG_large", "img.01", "img00", "photo.dat",
    ]  # fmt: skip
    assert walk.skipped == []


def test_a_raw_photograph_beside_a_jpeg_is_not_read(photos: Photos) -> None:
    root = photos({"a": 1})
    (root / "a" / "000.NEF").write_bytes(b"II*\0" + bytes(100))
    walk = Walk(root)
    assert [Path(path).name for path in walk.images(root / "a")] == ["000.jpg"]
    assert [file.reason for file in walk.skipped] == [
        ".nef is not supported; convert it to PNG or JPEG"
    ]


def test_masks_beside_their_images_are_left_out_of_training_and_not_of_prediction(
    photos: Photos,
) -> None:
    root = photos({"a": 2})
    for number in (0, 1):
        shutil.copy(root / f"a/00{number}.jpg", root / f"a/00{number}_mask.jpg")
    walk = Walk(root, labelled=True)
    assert len(list(walk.images(root / "a"))) == 2
    assert walk.notes() == [
        f"2 masks or labels beside their images are not used: {Path('a/000_mask.jpg')}, "
        f"{Path('a/001_mask.jpg')}"
    ]
    assert len(list(Walk(root).images(root / "a"))) == 4


def test_folders_can_be_left_out(photos: Photos) -> None:
    root = photos({"a": 1, "a/masks": 2, "a/deep/masks": 1})
    walk = Walk(root, without=[PurePath("a/masks")])
    assert [Path(path).as_posix() for path in walk.images(root / "a")] == [
        "a/000.jpg", "a/deep/masks/000.jpg",
    ]  # fmt: skip
