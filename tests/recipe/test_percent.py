"""Shares in percent."""

from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.recipe.percent import Rate
from onestop.recipe.schema import check_value


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("5%", 0.05),
        ("0.5 %", 0.005),
        ("0.05", 0.05),
        (0.25, 0.25),
        ("99.9%", 0.999),
        ("1e-3", 0.001),
    ],
)
def test_percent_and_numbers_are_shares(value: object, rate: float) -> None:
    assert check_value(Rate, value, "--max-error") == pytest.approx(rate)


@pytest.mark.parametrize(
    "value", ["0", "0%", "1", "100%", "5", "-5%", "x%", "%", "nan", "inf%", True]
)
def test_others_are_refused_in_one_line(value: object) -> None:
    with pytest.raises(UsageError, match=r"^--max-error[^\n]*$"):
        check_value(Rate, value, "--max-error")
