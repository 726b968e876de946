"""A few images of a source, made small, some of each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from onestop.data import open_data
from onestop.data.preview import preview


def test_each_class_has_its_share(photos: Callable[..., Path]) -> None:
    dataset = open_data(photos({"ants": 12, "bees": 3, "wasps": 12}), val_fraction=0)
    shown = preview(dataset, 9)
    assert Counter(title for _, title in shown) == {"ants": 3, "bees": 3, "wasps": 3}
    assert [title for _, title in shown] == sorted(title for _, title in shown)
    for (one, _), (again, _) in zip(shown, preview(dataset, 9), strict=True):
        assert one is not None
        assert again is not None
        assert np.array_equal(one, again)


def test_more_classes_than_places_show_one_image_each() -> None:
    images = np.zeros((60, 4, 4, 3), np.uint8)
    dataset = open_data((images, [f"class {k % 30:02d}" for k in range(60)]), val_fraction=0)
    titles = [title for _, title in preview(dataset, 8)]
    assert len(set(titles)) == len(titles) == 8


def test_an_image_that_cannot_be_read_keeps_its_place(photos: Callable[..., Path]) -> None:
    folder = photos({"ants": 2, "bees": 2})
    (folder / "ants" / "000.jpg").write_bytes(b"\xff\xd8\xff no image")
    shown = preview(open_data(folder, val_fraction=0), 4)
    assert [image is None for image, title in shown if title == "ants"].count(True) == 1
    assert all(image is not None for image, title in shown if title == "bees")


def test_grey_images_stay_grey_and_numbers_are_titles() -> None:
    images = np.full((4, 300, 100), 7, np.uint8)
    targets = np.array([0.5, 1.5, 2.5, 3.25], np.float32)
    shown = preview(open_data((images, targets), val_fraction=0), 4)
    assert {title for _, title in shown} == {"0.5", "1.5", "2.5", "3.25"}
    assert {image.shape for image, _ in shown if image is not None} == {(192, 64, 1)}
