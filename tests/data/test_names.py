"""When two names are one."""

from __future__ import annotations

import pytest

from onestop.data.names import doubled, key_of, one_each, places, positions

NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(("one", "other"), [(NFC, NFD), ("1", "1.0"), ("-3", "-3.00"), ("a", "a")])
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "01"), ("a", "A"), ("1.0", "1.5"), ("1", "1."), ("cafe", NFC), ("1.0.0", "1")],
)
def test_other_names_have_others(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_the_shortest_spelling_stands_for_all() -> None:
    assert one_each([NFD, "b", NFC, "2.0", "10", "2"]) == ["10", "2", "b", NFC]
    assert one_each(["2.0", "1.0"]) == ["1.0", "2.0"]  # nothing to choose from: as they are
    assert doubled(["b", NFD, NFC]) == [[NFD, NFC]]
    assert doubled(["a", "A"]) == []


def test_names_are_found_as_spelled_first() -> None:
    known = ("1.0", "1", NFC)
    assert places(["1", "1.0", NFD, "x"], known) == {"1": 1, "1.0": 0, NFD: 2, "x": None}
    assert positions(known)[key_of("1")] == 0
