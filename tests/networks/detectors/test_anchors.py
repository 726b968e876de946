from __future__ import annotations

import numpy as np
import pytest

from onestop.networks.detectors.anchors import SCALES, fitted, per_level


def test_they_follow_sizes_and_shapes() -> None:
    rng = np.random.default_rng(0)
    sides = rng.uniform(20, 40, 200)
    square = fitted(np.stack([sides, sides], 1))
    assert square["smallest"] == pytest.approx(21, abs=1)
    assert square["ratios"] == [1.0]
    tall = fitted(np.stack([sides, sides * rng.choice([0.5, 1, 3], 200)], 1))
    assert len(tall["ratios"]) == 3
    assert tall["ratios"][0] < 1 < tall["ratios"][2]


def test_few_boxes_say_nothing() -> None:
    assert fitted(np.full((3, 2), 10.0)) == {}
    assert fitted(np.zeros((20, 2))) == {}


def test_levels_grow_with_their_strides() -> None:
    sizes, ratios = per_level({"smallest": 16.0, "ratios": [1.0]}, (8, 16, 32))
    assert [level[0] for level in sizes] == [16, 32, 64]
    assert sizes[0] == [pytest.approx(16 * scale) for scale in SCALES]
    assert ratios == [1.0]
    usual, shapes = per_level({}, (8, 16))
    assert usual[0][0] == 32
    assert shapes == [0.5, 1.0, 2.0]
    assert per_level({"smallest": 1.0}, (8,))[0][0][0] == 12, "not much finer than positions"
    assert per_level({"smallest": 500.0}, (8,))[0][0][0] == 64
