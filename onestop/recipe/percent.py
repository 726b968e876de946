"""Shares that people write in percent: `5%` is 0.05."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from annotated_types import Gt, Lt
from pydantic import BeforeValidator


def from_percent(value: object) -> object:
    """The number of a text in percent; anything else as it is.

    >>> from_percent("5%"), from_percent(" 2.5 % "), from_percent("0.05"), from_percent("x%")
    (0.05, 0.025, '0.05', 'x%')
    """
    if not isinstance(value, str) or not value.strip().endswith("%"):
        return value
    try:
        return float(value.strip().removesuffix("%")) / 100
    except ValueError:
        return value


Rate: TypeAlias = Annotated[float, BeforeValidator(from_percent), Gt(0), Lt(1)]
"""A share above 0 and below 1, as a number or in percent."""
