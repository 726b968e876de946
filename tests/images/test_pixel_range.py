"""The pixel range as text and as numbers."""

from __future__ import annotations

import pytest

from onestop.images.pixel_range import (
    PixelRange,
    canonical,
    is_about_range,
    is_possible,
    parsed,
    remark_8_bit,
    remark_narrow,
    remark_outside,
    suits_8_bits,
    text_of,
)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("0,4095", "0,4095"), (" 0 , 4095.0", "0,4095"), ((0, 4095), "0,4095"), ([-1, 1], "-1,1"),
     ("-0.5,0.5", "-0.5,0.5"), ("1e3,2e3", "1000,2000"), (" full ", "full"), ("image", "image"),
     ("0,4294967295", "0,4294967295"), ((0.1, 1 / 3), "0.1,0.3333333333333333")],
)  # fmt: skip
def test_a_range_is_text_or_a_pair_of_numbers(value: object, wanted: str) -> None:
    assert canonical(value) == wanted
    assert text_of(parsed(wanted)) == wanted


@pytest.mark.parametrize(
    ("value", "message"),
    [("5", "give LO,HI"), ("1,2,3", "give LO,HI"), ("a,b", "give LO,HI"), (7, "give LO,HI"),
     ("", "give LO,HI"), ("auto", "give LO,HI"), ("5,5", "LO must be smaller"), ((5, 3), "LO must"),
     ("0,nan", "LO must be smaller than HI, and both must be finite"), ("-inf,0", "finite"),
     ("-1e308,1e308", "finite")],
)  # fmt: skip
def test_other_things_are_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parsed(value)


def test_only_finite_ranges_are_possible() -> None:
    assert is_possible((0, 1))
    assert is_possible("full")
    assert not is_possible((1, 1))
    assert not is_possible((0, float("inf")))


@pytest.mark.parametrize(
    ("pixel_range", "same"),
    [((0, 255), True), ((0, 1), True), ((0, 65535), True), ("full", True), ((0, 4095), False),
     ((1380, 1742), False)],
)  # fmt: skip
def test_8_bits_mean_the_same_under_full_scales(pixel_range: PixelRange, same: bool) -> None:
    assert suits_8_bits(pixel_range) is same


def test_remarks_on_values_are_known_from_others() -> None:
    assert remark_outside(0.123, (0, 5)) == (
        "12% of its values lie outside the pixel range 0,5 and are clipped"
    )
    assert is_about_range(remark_outside(0.5, (0, 5)))
    assert is_about_range(remark_8_bit((0, 5)))
    narrow = remark_narrow(1365, 1750, 65535)
    assert narrow.startswith("has values from 1,365 to 1,750 only, of the full scale 0 to 65,535")
    assert is_about_range(narrow)
    assert not is_about_range("only its first frame is read")
