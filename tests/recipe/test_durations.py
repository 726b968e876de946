"""Lengths of time as people write them."""

from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.recipe.durations import seconds_of, text_of
from onestop.recipe.schema import check_setting


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("1.5", 1.5), ("90s", 90), ("90 sec", 90), ("10m", 600), ("10 min", 600),
        ("2h", 7200), ("1h30m", 5400), ("1 h 30 m 5 s", 5405), ("0.5h", 1800), ("10M", 600),
        (45, 45), (1.5, 1.5), ("10 minutes", 600),
    ],
)  # fmt: skip
def test_they_are_read(text: object, seconds: float) -> None:
    assert seconds_of(text) == seconds
    assert check_setting("time_budget", text) == seconds


@pytest.mark.parametrize("text", ["soon", "10x", "m", "10m later", "1:30", "--"])
def test_others_are_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_setting("time_budget", text)
    assert str(caught.value) == (
        f"--time-budget {text}: give seconds, or a length of time such as 90s, 10m or 1h30m"
    )


def test_a_negative_one_is_refused() -> None:
    with pytest.raises(UsageError, match="must be from 0 to"):
        check_setting("time_budget", -1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90 s"), (600, "10 min"), (7200, "120 min"), (601, "601 s")]
)
def test_they_are_shown(seconds: float, text: str) -> None:
    assert text_of(seconds) == text
