"""Objects follow what preprocessing and augmentation do to the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.data.augmentation import Augmentation, Change, Draw, Moves, part_of
from onestop.data.placement import VISIBLE, placement
from onestop.data.preprocess import ImagePreprocessing, pixel_tensor
from onestop.metrics.rle import encode

FITS = [("pad", 1.0), ("stretch", 1.0), ("crop", 1.0), ("crop", 0.875)]


def preprocessing(fit: Any, fraction: float = 1.0, size: tuple[int, int] = (64, 64)) -> Any:
    return ImagePreprocessing(3, size, (0.0,) * 3, (1.0,) * 3, fit, fraction)


def bright(height: int, width: int, box: tuple[int, int, int, int]) -> Any:
    pixels = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    return pixels


def around(picture: Any) -> list[int]:
    inside = picture > 127
    x, y = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
    return [int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1]


@pytest.mark.parametrize(("fit", "fraction"), FITS)
@pytest.mark.parametrize("shape", [(100, 100), (60, 120), (150, 70), (64, 64), (37, 64)])
def test_a_box_lies_where_its_pixels_are(fit: str, fraction: float, shape: tuple[int, int]) -> None:
    height, width = shape
    box = (width // 2 - 12, height // 2 - 8, width // 2 + 9, height // 2 + 11)
    prepare = preprocessing(fit, fraction)
    picture = prepare.resize(pixel_tensor(bright(height, width, box)))[0, 0].numpy()
    place = placement(shape, prepare, None, 0)
    boxes, kept = place.boxes(np.array([box], np.float32))
    assert kept.tolist() == [0]
    assert np.abs(boxes[0] - around(picture)).max() <= 1
    assert place.frame == prepare.geometry(shape)


@pytest.mark.parametrize("policy", ["flip", "crop", "flip-crop", "resized-crop"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("zoom", [0.0, 0.5])
def test_boxes_and_masks_follow_augmentation(policy: Any, seed: int, zoom: float) -> None:
    shape, box = (90, 120), (40, 30, 70, 65)
    prepare, pixels = preprocessing("stretch"), bright(90, 120, box)
    augmentation = Augmentation(policy=policy, seed=seed, zoom=zoom)
    crop, stored = None, prepare.resize(pixel_tensor(pixels))
    if augmentation.cuts_parts:
        top, left, tall, wide = part_of(*shape, Draw(seed, 0, np.array([0])))
        crop = np.array([[top / 90, left / 120, tall / 90, wide / 120]])
        stored = prepare.resize(pixel_tensor(pixels[top : top + tall, left : left + wide]))
    focus = np.array([[40 / 120, 30 / 90, 70 / 120, 65 / 90]])
    images, moves = Change(augmentation, 0, focus=lambda _: focus)(stored, np.array([0]), crop)
    place = placement(shape, prepare, moves, 0)
    boxes, kept = place.boxes(np.array([box], np.float32))
    picture = images[0, 0].numpy()
    if not len(kept):
        assert (picture > 127).mean() < 0.2
        return
    assert np.abs(boxes[0] - around(picture)).max() <= 1.5
    mask = np.zeros((64, 64), np.uint8)
    whole = np.zeros(shape, bool)
    whole[30:65, 40:70] = True
    place.draw(encode(whole), boxes[0], mask)
    assert np.abs(np.array(around(mask * 255.0)) - around(picture)).max() <= 1


def test_mirroring_exchanges_left_and_right_and_twice_is_nothing() -> None:
    prepare, flip = preprocessing("stretch", size=(50, 50)), Moves(flip=np.array([True]))
    points = np.array([[[10, 5, 2], [30, 5, 1], [0, 0, 0]]], np.float32)
    place = placement((50, 50), prepare, flip, 0)
    moved = place.points(points, [(0, 1)])
    assert moved[0].tolist() == [[20, 5, 1], [40, 5, 2], [0, 0, 0]]
    assert place.points(moved, [(0, 1)]).tolist() == points.tolist()
    assert place.points(points, None)[0, 0].tolist() == [40, 5, 2], "no pairs, no exchange"


def test_an_object_of_which_little_is_left_is_dropped_and_others_are_clipped() -> None:
    prepare = preprocessing("stretch", size=(100, 100))
    shift = Moves(shift=np.array([[0, 60]]))
    place = placement((100, 100), prepare, shift, 0)
    boxes = np.array([[20, 20, 60, 60], [39, 0, 79, 40], [28, 0, 68, 40]], np.float32)
    clipped, kept = place.boxes(boxes)
    assert VISIBLE == 0.25
    assert kept.tolist() == [0, 2], "half, a fortieth and 30 % of them are left"
    assert clipped[0].tolist() == [80, 20, 100, 60]


def test_points_outside_the_picture_are_absent() -> None:
    place = placement(
        (50, 50), preprocessing("stretch", size=(50, 50)), Moves(shift=np.array([[0, 30]])), 0
    )
    points = np.array([[[10, 5, 2], [30, 5, 2]]], np.float32)
    assert place.points(points, None)[0].tolist() == [[40, 5, 2], [0, 0, 0]]


def test_without_preprocessing_nothing_moves() -> None:
    place = placement((30, 40), None, None, 0)
    boxes, _ = place.boxes(np.array([[1, 2, 3.5, 4]], np.float32))
    assert boxes.tolist() == [[1, 2, 3.5, 4]]
