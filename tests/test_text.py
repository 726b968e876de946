"""The half sentences that messages are made of."""

from __future__ import annotations

import doctest

import pytest

from onestop import text
from onestop.text import did_you_mean, listing


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
    assert doctest.testmod(text) == (0, 6)


def test_dashes_make_no_option_nearer() -> None:
    assert did_you_mean("--val", ["--lr", "--tta", "--amp"]) == ""
    assert did_you_mean("--epoch", ["--epochs", "--lr"]) == "; did you mean '--epochs'?"
