from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.data.draw_objects import COLORS, color_of, drawn
from onestop.metrics.objects import ImageObjects
from onestop.metrics.rle import encode


def objects(count: int, side: int = 100, **more: Any) -> ImageObjects:
    rng = np.random.default_rng(count)
    corner = rng.uniform(0, side * 0.7, (count, 2))
    boxes = np.hstack([corner, corner + side * 0.25]).astype(np.float32)
    classes = np.arange(count) % 3
    return ImageObjects((side, side), boxes, classes, np.full(count, 0.5, np.float32), **more)


@pytest.mark.parametrize("side", [30, 300, 3000])
def test_lines_and_letters_grow_with_the_picture(side: int) -> None:
    """Half of a line of each edge is coloured, at any size."""
    box = np.array([[0.1, 0.1, 0.9, 0.9]], np.float32) * side
    one = ImageObjects((side, side), box, np.array([0]), np.ones(1, np.float32))
    picture = drawn(np.zeros((side, side, 3), np.uint8), one, ["cat"])
    row = picture[side // 2]
    thick = int((row == COLORS[0]).all(1)[: side // 2].sum())
    assert thick == max(1, round(side / 320))


def test_a_frame_places_objects_in_a_prepared_picture() -> None:
    box = np.array([[20, 20, 60, 60]], np.float32)
    one = ImageObjects((100, 100), box, np.array([1]), np.ones(1, np.float32))
    picture = drawn(np.zeros((50, 70, 1), np.uint8), one, ["a", "b"], frame=(0.5, 0.5, 10, 0))
    assert (picture[20, 20] == COLORS[1]).all()
    assert (picture[25, 39] == COLORS[1]).all()
    assert not picture[25, 41:].any()


def test_masks_tint_their_pixels_only() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:30] = True
    one = ImageObjects(
        (40, 40), np.array([[10, 10, 30, 20]], np.float32), np.array([2]), np.ones(1, np.float32),
        masks=(encode(mask),),
    )  # fmt: skip
    picture = drawn(np.full((40, 40, 3), 100, np.uint8), one, ["a", "b", "c"])
    assert (picture[15, 20] != 100).any()
    assert (picture[35, 5] == 100).all()


def test_key_points_and_their_lines() -> None:
    points = np.array([[[10, 10, 0.9], [30, 10, 0.9], [10, 30, 0.1]]], np.float32)
    one = ImageObjects(
        (40, 40), np.array([[5, 5, 35, 35]], np.float32), np.array([0]), np.ones(1, np.float32),
        points=points,
    )  # fmt: skip
    picture = drawn(
        np.zeros((40, 40, 3), np.uint8), one, ["a"], skeleton=[(0, 1), (0, 2)], least=0.3
    )
    assert (picture[10, 20] == COLORS[0]).all()
    assert not picture[20, 10].any(), "a point that is not seen"


def test_many_objects_and_none() -> None:
    grey = np.full((100, 100, 1), 50, np.uint8)
    assert (drawn(grey, objects(0), ["a"]) == 50).all()
    crowd = objects(200, crowd=np.arange(200) == 0)
    assert drawn(grey, crowd, ["a", "b", "c"], longest=300).shape == (300, 300, 3)


def test_the_first_classes_have_colours_of_their_own() -> None:
    assert len({color_of(k) for k in range(7)}) == 7
    assert color_of(7) == color_of(0)


def test_names_do_not_cover_each_other_where_there_is_room() -> None:
    from onestop.data.draw_objects import _common, _free

    taken: list[Any] = []
    for box in ((20, 20, 60, 60), (22, 22, 62, 62), (20, 20, 60, 60)):
        taken.append(_free(box, 20, 8, (100, 100), taken))
    assert not any(_common(a, b) for i, a in enumerate(taken) for b in taken[:i])
