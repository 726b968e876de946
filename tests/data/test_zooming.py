"""Images shown larger or smaller, around an object that stays whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onestop.data.augmentation import Augmentation, Change, Draw
from onestop.data.zooming import ZOOM_DRAWS, windows, zoomed

DRAWS = np.random.default_rng(0).random((500, ZOOM_DRAWS))


def test_sides_are_between_the_strength_and_its_inverse_as_often_larger_as_smaller() -> None:
    sides = windows(0.5, DRAWS)[:, 2]
    assert sides.min() >= 1 / 1.5
    assert sides.max() <= 1.5
    assert (sides < 0.7).any()
    assert (sides > 1.4).any()
    assert abs(np.log(sides).mean()) < 0.05


def test_a_smaller_window_lies_in_the_image_and_a_larger_one_around_it() -> None:
    top, left, tall, wide = windows(1.0, DRAWS).T
    for first, side in ((top, tall), (left, wide)):
        inside = side <= 1
        assert (first[inside] >= 0).all()
        assert ((first + side)[inside] <= 1 + 1e-9).all()
        assert (first[~inside] <= 0).all()
        assert ((first + side)[~inside] >= 1 - 1e-9).all()


def test_what_is_chosen_stays_whole_if_it_fits() -> None:
    boxes = np.tile([0.7, 0.1, 0.95, 0.35], (len(DRAWS), 1))
    top, left, tall, wide = windows(2.0, DRAWS, boxes).T
    assert (left <= 0.7 + 1e-9).all()
    assert (left + wide >= 0.95 - 1e-9).all()
    assert (top <= 0.1 + 1e-9).all()
    assert (top + tall >= 0.35 - 1e-9).all()


def test_an_object_larger_than_the_window_is_in_its_middle() -> None:
    boxes = np.tile([0.3, 0.2, 0.9, 0.8], (len(DRAWS), 1))
    small = windows(2.0, DRAWS, boxes)[:, 2] < 0.5
    assert small.any()
    centres = windows(2.0, DRAWS, boxes)[small, 1] + windows(2.0, DRAWS, boxes)[small, 3] / 2
    assert centres == pytest.approx(0.6)


def test_images_without_objects_are_zoomed_anywhere() -> None:
    nowhere = np.full((len(DRAWS), 4), np.nan)
    assert np.array_equal(windows(0.5, DRAWS, nowhere), windows(0.5, DRAWS))


def test_the_whole_window_changes_nothing_and_pixels_outside_are_black() -> None:
    images = torch.randint(1, 256, (2, 3, 8, 8), dtype=torch.uint8)
    whole = np.array([[0, 0, 1, 1.0], [-1, 0, 2, 2]])
    same, smaller = zoomed(images, whole)
    assert torch.equal(same, images[0])
    assert smaller.dtype == torch.uint8
    assert not smaller[:, :4].any(), "above the image"
    assert not smaller[:, :, 4:].any(), "right of it"
    assert smaller[:, 4:, :4].float().mean() == pytest.approx(images[1].float().mean(), abs=12)


def test_a_draw_is_a_function_of_seed_epoch_and_image() -> None:
    images = torch.randint(0, 256, (4, 1, 16, 16), dtype=torch.uint8)
    change, later = (Change(Augmentation(zoom=0.5, seed=3), epoch) for epoch in (0, 1))
    together, moves = change(images, np.arange(4))
    alone, _ = change(images[2:3], np.array([2]))
    assert torch.equal(together[2], alone[0])
    assert not torch.equal(later(images, np.arange(4))[0], together)
    assert moves.window is not None


def test_objects_are_asked_for_only_if_images_are_zoomed() -> None:
    asked: list[Draw] = []
    change = Change(Augmentation("flip"), 0, focus=asked.append)
    change(torch.zeros(1, 1, 4, 4, dtype=torch.uint8), np.zeros(1, np.int64))
    assert not asked
