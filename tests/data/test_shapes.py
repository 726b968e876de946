from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onestop.data.shapes import Polygons, as_rle, filled, outline_of_box, sampled
from onestop.metrics.rle import encode


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("seed", range(40))
def test_polygons_are_filled_as_the_reference_fills_them(seed: int) -> None:
    import importlib

    reference = importlib.import_module("pycocotools.mask")

    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(5, 60, 2))
    corners: Any = rng.uniform(-0.2, 1.2, (int(rng.integers(3, 9)), 2)) * (width, height)
    if seed % 3 == 0:
        corners = np.round(corners)
    (rle,) = reference.frPyObjects([corners.reshape(-1).tolist()], height, width)
    wanted: Any = reference.decode(rle)
    assert np.array_equal(filled(corners, (height, width)).decode(), wanted > 0)


def test_several_parts_are_one_mask() -> None:
    one, other = outline_of_box((1, 1, 5, 5)), outline_of_box((3, 3, 9, 6))
    both = Polygons((*one.parts, *other.parts))
    mask = np.zeros((8, 10), bool)
    mask[1:5, 1:5] = mask[3:6, 3:9] = True
    assert np.array_equal(as_rle(both, (8, 10)).decode(), mask)
    assert [*both.box] == [1, 1, 9, 6]
    assert both.area == 16 + 18, "of the parts, whether they overlap or not"


def test_pixels_of_a_mask_are_looked_up_without_decoding_it() -> None:
    mask = np.random.default_rng(0).random((13, 9)) < 0.5
    rows, columns = np.array([-1, 0, 3, 12, 13]), np.array([-2, 0, 8, 9, 4])
    found = sampled(encode(mask), rows, columns)
    for i, row in enumerate(rows.tolist()):
        for j, column in enumerate(columns.tolist()):
            inside = 0 <= row < 13 and 0 <= column < 9
            assert found[i, j] == (inside and mask[row, column])
