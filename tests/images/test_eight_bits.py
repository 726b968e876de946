"""From values of any type to 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.images import eight_bits
from onestop.images.eight_bits import all_finite, to_8_bits


def test_values_are_scaled_before_they_are_rounded() -> None:
    values = np.array([1380, 1381, 1560, 1741, 1742], np.uint16)
    pixels, outside = to_8_bits(values, 1380, 1742)
    assert pixels.tolist() == [0, 1, 127, 254, 255]
    assert outside == 0


def test_what_lies_outside_is_clipped_and_counted() -> None:
    pixels, outside = to_8_bits(np.array([-0.1, -0.002, 0.0, 0.5, 1.0, 1.004]), 0, 1)
    assert pixels.tolist() == [0, 0, 0, 128, 255, 255]
    assert outside == 3


def test_the_ends_of_a_range_lie_within_it() -> None:
    for low, high in ((0.1, 0.7), (-1 / 3, 1e-3), (1e6 + 0.1, 1e6 + 0.3)):
        _, outside = to_8_bits(np.array([low, high]), low, high)
        assert outside == 0


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", "i8"])
def test_every_type_gives_the_same(kind: str) -> None:
    values = np.array([[0, 10, 20], [51, 99, 100]]).astype(kind)
    pixels, _ = to_8_bits(values, 0, 100)
    assert pixels.tolist() == [[0, 26, 51], [130, 252, 255]]


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(0, 1, (13, 11, 3)).astype(np.float32)
    whole = to_8_bits(values, -1, 1)
    monkeypatch.setattr(eight_bits, "_STRIP", 7)
    parts = to_8_bits(values, -1, 1)
    np.testing.assert_array_equal(whole[0], parts[0])
    assert whole[1] == parts[1] == ((values < -1) | (values > 1)).sum()
    assert not all_finite(np.where(np.arange(100) == 99, np.nan, 1.0))
    assert all_finite(values)
    assert all_finite(np.array([1, 2]))
