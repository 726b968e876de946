"""Values from a file are of their types, strictly."""

from __future__ import annotations

import doctest
from typing import Any, Literal

import pytest

from onestop.runtime import checked
from onestop.runtime.checked import Amount, Count, Details, Share, fits, parts

BIG = 10**400


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Count, [0, 7, 2**53], ["3", 3.5, -1, True, None, 2**53 + 1, BIG, [], float("nan")]),
        (float, [1, 1.5, -2e300], ["1", True, None, float("nan"), float("inf"), {}]),
        (Amount, [0, 1.5], [-0.1, "0", float("inf")]),
        (Share, [0, 0.5, 1], [-1e-6, 1.1, "0.5"]),
        (str, ["", "a"], [1, None, b"a"]),
        (list[str], [[], ["a"]], ["a", [1], {"a": 1}]),
        (Literal["val", "test"], ["val"], ["train", 3, None]),
        (Details, [{}, {"a": {"f1": 0.5, "ap": None}}], ["x", [1], {"a": 1}, {"a": {"f1": "x"}}]),
    ],
)
def test_a_value_fits_its_type_or_does_not(kind: Any, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not fits(kind, value)] == []
    assert [value for value in bad if fits(kind, value)] == []


def test_a_wrong_value_costs_its_key() -> None:
    kinds = {"a": Count, "b": str, "c": Share}
    values = {"a": "x", "b": "kept", "d": object}
    assert parts(values, kinds) == ({"b": "kept", "d": object}, ["a"])


@pytest.mark.parametrize("values", [None, 3, "a", [1], [["a", 1]]])
def test_what_is_not_an_object_has_no_entries(values: Any) -> None:
    assert parts(values, {"a": Count}) == ({}, [])


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(checked) == (0, 1)
