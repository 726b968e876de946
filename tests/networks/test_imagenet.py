"""Names of outputs, as far as their number tells."""

from __future__ import annotations

import importlib.util

import pytest

from onestop.networks.imagenet import imagenet_names, names_for, told_apart


def test_imagenets_classes_are_a_thousand_of_different_names() -> None:
    names = imagenet_names()
    assert len(set(names)) == len(names) == 1000
    assert [names[i] for i in (0, 263, 309, 310)] == ["tench", "Pembroke", "bee", "ant"]
    assert names_for(1000) == names


@pytest.mark.parametrize("count", [1, 2, 999, 1001])
def test_other_numbers_have_no_names_of_their_own(count: int) -> None:
    assert names_for(count) == tuple(f"class {index}" for index in range(count))


@pytest.mark.parametrize("count", [11_221, 11_821, 21_841, 21_842, 21_843])
def test_the_larger_sets_are_timms(count: int) -> None:
    names = names_for(count)
    assert len(set(names)) == len(names) == count
    if importlib.util.find_spec("timm"):
        assert names[17] != "class 17"


def test_what_has_the_same_first_name_is_told_apart() -> None:
    assert told_apart(["a, b", "c", "a, d"]) == ("a, b", "c", "a, d")
    assert told_apart(["a", "a"]) == ("a (0)", "a (1)")
