from __future__ import annotations

import numpy as np

from onestop.data.shapes import outline_of_box
from onestop.data.writers.pictures import Picture, short
from onestop.metrics.objects import ImageObjects
from onestop.metrics.rle import encode


def test_the_outline_is_the_annotated_one_or_the_mask() -> None:
    mask, polygon = encode(np.ones((3, 3), bool)), outline_of_box((0, 0, 2, 2))
    box = np.array([[0, 0, 2, 2]], np.float32)
    objects = ImageObjects((3, 3), box, np.array([0]), np.ones(1, np.float32), masks=(mask,))
    assert Picture("a", objects).shape(0) == mask
    assert Picture("a", objects, [polygon]).shape(0) is polygon
    assert Picture("a", objects, [None]).shape(0) is None
    assert (
        Picture("a", ImageObjects((3, 3), box, np.array([0]), np.ones(1, np.float32))).shape(0)
        is None
    )


def test_numbers_are_short() -> None:
    assert [short(2.0), short(1.23456), short(-0.0001)] == [2, 1.235, 0]
    assert isinstance(short(3.0), int)
