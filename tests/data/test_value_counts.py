"""The pixel range that follows from the values of all images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from onestop.data.value_counts import ValueCounts, count_values

RNG = np.random.default_rng(0)


def counted(*images: NDArray[Any]) -> ValueCounts:
    counts = ValueCounts()
    for part in count_values(images):
        counts.add(part)
    return counts


def test_a_narrow_part_of_a_scale_goes_from_smallest_to_largest() -> None:
    values = np.rint(RNG.normal(1560, 60, 10_000)).astype(np.uint16)
    assert counted(values).pixel_range() == (values.min(), values.max())


@pytest.mark.parametrize(
    ("low", "high", "kind", "wanted"),
    [
        (0, 4095, "u2", (0, 4095)), (12, 4000, "u2", (0, 4095)), (0, 2100, "u2", (0, 4095)),
        (0, 65535, "u2", (0, 65535)), (500, 40_000, "u2", (0, 65535)), (3, 250, "i8", (0, 255)),
        (0, 2**32 - 1, "u4", (0, 2**32 - 1)), (0, 1, "f4", (0, 1)), (0.1, 0.8, "f8", (0, 1)),
        (0, 255, "f4", (0, 255)), (0, 65535, "f4", (0, 65535)),
    ],
)  # fmt: skip
def test_half_of_a_usual_scale_makes_it_that_scale(
    low: float, high: float, kind: str, wanted: tuple[float, float]
) -> None:
    values = np.linspace(low, high, 5000).astype(kind)
    assert counted(values).pixel_range() == wanted


@pytest.mark.parametrize(
    ("low", "high", "kind", "wanted"),
    [
        (0, 16, "i8", (0, 16)), (2100, 4000, "u2", (2100, 4000)), (-1024, 3071, "i2", (-1024, 3071)),
        (-1, 1, "f4", (-1, 1)), (0, 0.25, "f4", (0, 0.25)), (-0.002, 1.004, "f4", (-0.002, 1.004)),
        (0, 100_000, "u4", (0, 100_000)), (273.15, 310, "f8", (273.15, 310)),
    ],
)  # fmt: skip
def test_other_values_have_a_range_of_their_own(
    low: float, high: float, kind: str, wanted: tuple[float, float]
) -> None:
    counts = counted(np.linspace(low, high, 5000).astype(kind))
    assert counts.pixel_range() == pytest.approx(wanted, rel=1e-5)
    assert counts.outside(*counts.pixel_range()) == 0


@pytest.mark.parametrize(
    ("hot", "size"),
    [([65535], 64), ([0, 65535], 64), ([65535], 5000), ([0, 65535] + [65535] * 4, 5000)],
)
def test_hot_pixels_count_for_nothing(hot: list[int], size: int) -> None:
    values = RNG.integers(1400, 1700, size).astype(np.uint16)
    low, high = counted(values, np.array(hot, np.uint16)).pixel_range()
    assert (low, high) == (values.min(), values.max())
    assert counted(values, np.array(hot, np.uint16)).outside(low, high) > 0


def test_what_is_rare_but_not_far_away_is_kept() -> None:
    values = np.append(np.linspace(1400, 1700, 100_000), 1900).astype(np.uint16)
    assert counted(values).pixel_range() == (1400, 1900)


def test_more_than_a_thousandth_are_no_outliers() -> None:
    values = np.append(np.full(1000, 100), np.full(10, 60_000)).astype(np.uint16)
    assert counted(values).pixel_range() == (0, 65535)


@pytest.mark.parametrize("value", [0, 7, 40_000])
def test_images_of_one_value_have_a_range(value: int) -> None:
    low, high = counted(np.full((4, 4), value, np.uint16)).pixel_range()
    assert low <= value <= high
    assert low < high


def test_one_negative_value_has_a_range_too() -> None:
    assert counted(np.full(5, -3, np.int16)).pixel_range() == (-3, -2)


@pytest.mark.parametrize("kind", ["u2", "i4", "f4", "f8"])
def test_neither_order_nor_parts_matter(kind: str) -> None:
    images = [(RNG.normal(2000, 300, (9, 7)) * (k + 1)).astype(kind) for k in range(20)]
    one = counted(*images)
    other = counted(*(part for image in reversed(images) for part in np.split(image, 3)))
    assert one.pixel_range() == other.pixel_range()
    assert one.extremes() == other.extremes() == (
        min(image.min() for image in images), max(image.max() for image in images)
    )  # fmt: skip


def test_ends_of_floats_are_rounded_away_from_the_middle() -> None:
    values = np.array([0.1234567, 0.2345678] * 100)
    low, high = counted(values).pixel_range()
    assert (low, high) == (0.123456, 0.234568)


def test_negative_zero_and_huge_values_are_counted() -> None:
    assert counted(np.array([-0.0, 0.0, 1.0])).pixel_range() == (0, 1)
    huge = counted(np.array([-1e300, 0, 1e300]))
    assert huge.extremes() == (-1e300, 1e300)


def test_shares_outside_are_those_of_the_values() -> None:
    counts = counted(np.arange(1000, dtype=np.uint16))
    assert counts.outside(100, 899) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("low", "high", "levels"), [(0, 65535, 3), (1400, 1700, 0), (0, 4095, 20), (0, 2000, 0)]
)
def test_a_range_under_which_few_levels_are_used_is_noticed(
    low: float, high: float, levels: int
) -> None:
    counts = counted(RNG.integers(1400, 1700, 50_000).astype(np.uint16))
    assert counts.few_levels(low, high) == levels


def test_images_of_few_values_need_few_levels() -> None:
    masks = np.repeat([0, 65535], 500).astype(np.uint16)
    assert counted(masks).few_levels(0, 65535) == 0
