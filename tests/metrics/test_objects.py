from __future__ import annotations

import numpy as np

from onestop.metrics.objects import ImageObjects, box_areas, box_iou
from tests.detection_made import random_truth


def test_some_objects_are_taken_with_all_that_belongs_to_them() -> None:
    truth = random_truth(np.random.default_rng(4), points=3)
    for which in (np.arange(len(truth)) % 2 == 0, np.array([2, 0])):
        some = truth.take(which)
        numbers = np.arange(len(truth))[which].tolist()
        assert some.boxes.tolist() == [truth.boxes[i].tolist() for i in numbers]
        assert truth.masks is not None
        assert some.masks == tuple(truth.masks[i] for i in numbers)
        assert truth.points is not None
        assert some.points is not None
        assert np.array_equal(some.points, truth.points[numbers])
        assert len(some.crowds) == len(some)


def test_areas_are_of_masks_if_there_are_any() -> None:
    truth = random_truth(np.random.default_rng(4))
    assert truth.masks is not None
    assert truth.areas.tolist() == [mask.area for mask in truth.masks]
    boxes = ImageObjects((9, 9), np.array([[1, 2, 4, 8]], np.float32))
    assert boxes.areas.tolist() == [18]
    assert ImageObjects((9, 9)).crowds.tolist() == []


def test_overlaps_of_boxes() -> None:
    ours = np.array([[0, 0, 2, 2], [5, 5, 6, 6]], np.float32)
    theirs = np.array([[1, 0, 3, 2], [0, 0, 8, 8]], np.float32)
    assert np.allclose(box_iou(ours, theirs), np.array([[2 / 6, 4 / 64], [0, 1 / 64]]))
    of_crowd = box_iou(ours, theirs, np.array([False, True]))
    assert np.allclose(of_crowd, np.array([[2 / 6, 1], [0, 1]]))
    assert box_areas(ours).tolist() == [4, 1]
    assert box_iou(ours[:0], theirs).shape == (0, 2)
