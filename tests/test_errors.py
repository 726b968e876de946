"""Errors: their exit codes, and the half sentences that messages are made of."""

from __future__ import annotations

import doctest

import pytest

from onestop import errors
from onestop.errors import (
    DataError,
    InterruptedRun,
    NonFiniteLossError,
    OneStopError,
    UsageError,
    did_you_mean,
    listing,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(OneStopError, 1), (UsageError, 2), (DataError, 3), (NonFiniteLossError, 5)],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[OneStopError], code: int) -> None:
    assert kind("text").exit_code == code
    assert issubclass(kind, OneStopError)


@pytest.mark.parametrize("code", [75, 130])
def test_an_interruption_says_which_signal_by_its_code(code: int) -> None:
    error = InterruptedRun("state saved", code)
    assert (str(error), error.exit_code) == ("state saved", code)


def test_every_kind_is_public_in_the_module_and_documented() -> None:
    kinds = [v for v in vars(errors).values() if isinstance(v, type)]
    kinds = [kind for kind in kinds if issubclass(kind, OneStopError)]
    assert len(kinds) == 6
    assert all(kind.__doc__ for kind in kinds)


def test_the_nearest_names_are_suggested_whatever_their_case() -> None:
    assert did_you_mean("ADAMw", ["sgd", "adamw"]) == "; did you mean 'adamw'?"
    assert did_you_mean("flipcrop", ["Flip-Crop", "none"]) == "; did you mean 'Flip-Crop'?"


def test_at_most_two_names_are_suggested() -> None:
    assert did_you_mean("lenet", ["lenet1", "lenet2", "lenet3"]).count("'") == 4


@pytest.mark.parametrize("options", [[], ["sgd", "adam"]])
def test_nothing_is_suggested_where_nothing_is_near(options: list[str]) -> None:
    assert did_you_mean("photographs", options) == ""


def test_a_long_listing_says_how_many_it_leaves_out() -> None:
    assert listing(["a", "b"]) == "a, b"
    assert listing(range(10), 3) == "0, 1, 2 and 7 more"
    assert listing([]) == ""


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(errors) == (0, 4)
