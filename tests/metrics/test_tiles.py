"""Objects of tiles as those of one image: each once, whole ones before those that are cut off."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.objects import ImageObjects
from onestop.metrics.rle import encode
from onestop.metrics.tiles import OVERLAP, joined, tiles_of

SIZE, SIDE = (100, 160), 100


def objects(*rows: tuple[float, ...], classes: int | tuple[int, ...] = 0) -> ImageObjects:
    """Rows of x1, y1, x2, y2 and score, in pixels of a tile."""
    values = np.array(rows, np.float32).reshape(-1, 5)
    kinds = np.broadcast_to(np.array(classes, np.int64), len(values)).copy()
    return ImageObjects((100, 100), values[:, :4], kinds, values[:, 4])


@pytest.mark.parametrize("size", [(100, 100), (640, 641), (3000, 4000), (50, 2000), (65, 64)])
def test_tiles_cover_every_pixel_and_overlap(size: tuple[int, int]) -> None:
    side = 64 if max(size) < 100 else 640
    *tiles, whole = tiles_of(size, side)
    assert whole == (0, 0, size[1], size[0])
    if max(size) <= side:
        assert not tiles
        return
    covered = np.zeros(size, np.int64)
    for left, top, right, bottom in tiles:
        assert 0 <= left < right <= size[1]
        assert 0 <= top < bottom <= size[0]
        assert max(right - left, bottom - top) <= side
        covered[top:bottom, left:right] += 1
    assert covered.min() >= 1
    lefts = sorted({tile[0] for tile in tiles})
    if len(lefts) > 1:
        assert max(np.diff(lefts)) <= side * (1 - OVERLAP) + 1


def test_places_are_those_of_the_image_and_the_best_come_first() -> None:
    first, second = (0, 0, 100, 100), (60, 0, 160, 100)
    parts = [(objects((5, 5, 20, 20, 0.6)), first), (objects((50, 50, 70, 80, 0.9)), second)]
    found = joined(parts, SIZE, SIDE)
    assert found.size == SIZE
    assert found.boxes.tolist() == [[110, 50, 130, 80], [5, 5, 20, 20]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])


def test_an_object_in_two_tiles_is_found_once() -> None:
    parts = [
        (objects((70, 10, 90, 30, 0.7)), (0, 0, 100, 100)),
        (objects((11, 10, 30, 30, 0.8)), (60, 0, 160, 100)),
        (objects((69, 10, 91, 31, 0.5)), (0, 0, 160, 100)),
    ]
    found = joined(parts, SIZE, SIDE)
    assert found.boxes.tolist() == [[71, 10, 90, 30]]


def test_what_a_border_cuts_off_gives_way_to_the_whole_object_whatever_its_score() -> None:
    parts = [
        (objects((80, 10, 100, 30, 0.95)), (0, 0, 100, 100)),  # the left half, up to the border
        (objects((20, 10, 60, 30, 0.6)), (60, 0, 160, 100)),
    ]
    assert joined(parts, SIZE, SIDE).boxes.tolist() == [[80, 10, 120, 30]]


def test_a_part_that_no_tile_has_whole_is_kept() -> None:
    parts = [(objects((80, 10, 100, 30, 0.9)), (0, 0, 100, 100)), (objects(), (60, 0, 160, 100))]
    assert len(joined(parts, SIZE, SIDE)) == 1


def test_borders_of_the_image_cut_nothing_off() -> None:
    """An object at the edge of the picture is not worth less than one beside it."""
    parts = [
        (objects((0, 0, 40, 40, 0.9)), (0, 0, 100, 100)),
        (objects((0, 0, 60, 60, 0.3)), (0, 0, 160, 100)),
    ]
    assert len(joined(parts, SIZE, SIDE)) == 2


def test_neighbours_of_one_tile_and_objects_of_two_classes_stay() -> None:
    """What a tile itself has kept is not thinned out again."""
    close = objects((10, 10, 30, 30, 0.9), (12, 10, 32, 30, 0.8))
    assert len(joined([(close, (0, 0, 100, 100))], (100, 100), SIDE)) == 2
    parts = [
        (objects((70, 10, 90, 30, 0.7)), (0, 0, 100, 100)),
        (objects((10, 10, 30, 30, 0.8), classes=1), (60, 0, 160, 100)),
    ]
    assert joined(parts, SIZE, SIDE).classes.tolist() == [1, 0]


def test_masks_and_points_follow() -> None:
    mask = np.zeros((100, 100), np.bool_)
    mask[20:30, 50:60] = True
    points = np.array([[[55, 25, 0.5]]], np.float32)
    one = ImageObjects(
        (100, 100), np.array([[50, 20, 60, 30]], np.float32), np.zeros(1, np.int64),
        np.array([0.5], np.float32), masks=(encode(mask),), points=points,
    )  # fmt: skip
    found = joined([(one, (60, 0, 160, 100))], SIZE, SIDE)
    assert found.masks is not None
    assert found.points is not None
    assert found.masks[0].box == (110, 20, 120, 30)
    assert found.masks[0].size == SIZE
    assert found.points[0, 0].tolist() == [115, 25, 0.5]


def test_nothing_in_any_tile() -> None:
    found = joined([(objects(), (0, 0, 100, 100)), (objects(), (60, 0, 160, 100))], SIZE, SIDE)
    assert len(found) == 0
    assert found.size == SIZE
