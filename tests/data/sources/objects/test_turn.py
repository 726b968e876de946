from __future__ import annotations

import numpy as np
import pytest

from onestop.data.shapes import Polygons
from onestop.data.sources.objects.turn import turned_box, turned_places, turned_shape
from onestop.images.pillow import TURNS
from onestop.metrics.rle import Rle, encode

SIZE = (7, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_turn_as_pixels_do(orientation: int) -> None:
    from PIL import Image

    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[1:3, 2:6] = 255
    image = Image.fromarray(mask)
    turn = TURNS.get(orientation)
    seen = np.asarray(image if turn is None else image.transpose(turn)) > 0
    x, y = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
    wanted = (x[0], y[0], x[-1] + 1, y[-1] + 1)
    assert turned_box((2, 1, 6, 3), orientation, SIZE) == wanted
    shape = turned_shape(encode(mask > 0), orientation, SIZE)
    assert isinstance(shape, Rle)
    assert np.array_equal(shape.decode(), seen)
    corners = np.array([(2.0, 1), (6, 1), (6, 3)])
    polygon = turned_shape(Polygons((corners,)), orientation, SIZE)
    assert isinstance(polygon, Polygons)
    assert np.array_equal(polygon.parts[0], turned_places(corners, orientation, SIZE))
    assert polygon.box == wanted
