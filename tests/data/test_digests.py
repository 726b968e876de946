"""Keys of contents: equal for equal ones, and never one of the two that mean something else."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.data.digests import UNKNOWN, UNREADABLE, Digests, key_of, short_keys


def test_a_key_is_the_first_eight_bytes_of_a_hash() -> None:
    assert key_of(bytes(range(1, 33))) == 0x0807060504030201
    assert key_of(bytes(range(1, 9))) == key_of(bytes(range(1, 33)))


@pytest.mark.parametrize("key", [UNKNOWN, UNREADABLE])
def test_no_content_has_a_key_with_another_meaning(key: int) -> None:
    assert key_of(key.to_bytes(8, "little")) not in (UNKNOWN, UNREADABLE)


def test_what_is_noted_is_known_and_goes_along_with_the_samples() -> None:
    digests = Digests.of(3)
    digests.note(1, b"a" * 32)
    assert [digests.has(i) for i in range(3)] == [False, True, False]
    assert digests.unknown().tolist() == [0, 2]
    taken = digests.take(np.array([1, 2]))
    assert taken.keys.tolist() == [key_of(b"a" * 8), UNKNOWN]
    assert taken.begun == digests.begun


def test_short_keys_are_those_of_names_even_of_bytes_that_are_not_text() -> None:
    first, second, third = short_keys(["a/1.png", "c\udcff", "a/1.png"]).tolist()
    assert first == third != second
    assert short_keys([]).shape == (0,)
