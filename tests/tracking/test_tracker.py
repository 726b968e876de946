"""The small words that trackers share."""

from __future__ import annotations

import doctest
import os

import pytest

from onestop.tracking import session as feeding
from onestop.tracking import tracker
from onestop.tracking.tracker import environment, unless_set, words_of


def test_the_examples_hold() -> None:
    assert doctest.testmod(tracker) == (0, 1)
    assert doctest.testmod(feeding) == (0, 1)


def test_the_environment_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THERE", "before")
    monkeypatch.delenv("ABSENT", raising=False)
    assert unless_set(THERE="now", ABSENT="now") == {"ABSENT": "now"}
    with environment({"THERE": "now", "ABSENT": "now"}):
        assert (os.environ["THERE"], os.environ["ABSENT"]) == ("now", "now")
    assert os.environ["THERE"] == "before"
    assert "ABSENT" not in os.environ


def test_an_error_is_one_short_line() -> None:
    assert words_of(ValueError()) == "ValueError"
    assert words_of(ValueError("one\n two")) == "one two"
    assert len(words_of(ValueError("word " * 1000))) <= 200
