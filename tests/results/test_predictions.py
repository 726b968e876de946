"""Predictions come while one walks through them, and show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onestop.errors import UsageError
from onestop.figures.style import BAD, GOOD
from onestop.results.predictions import Predictions
from onestop.tasks import Label, Prediction


def test_no_predictions_have_no_figure() -> None:
    none = Predictions(iter(()), 0)
    assert "no predictions" in none._repr_html_()
    with pytest.raises(UsageError, match="there are no predictions"):
        none.figure()


def stream(count: int, taken: list[int]) -> Iterator[Prediction]:
    for number in range(count):
        taken.append(number)
        yield Prediction(f"ants/{number}.jpg", (Label("ants", 0.9),))


def test_they_are_computed_as_far_as_is_asked_for_and_once() -> None:
    taken = list[int]()
    predictions = Predictions(stream(5, taken), 5)
    assert predictions[1].image == "ants/1.jpg"
    assert taken == [0, 1]
    assert [p.image for p in predictions[-2:]] == ["ants/3.jpg", "ants/4.jpg"]
    assert len(list(predictions)) == len(predictions) == 5
    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("place", [3, -4])
def test_there_is_none_beyond_the_last(place: int) -> None:
    with pytest.raises(IndexError, match="of 3 predictions"):
        Predictions(stream(3, []), 3)[place]


def test_a_few_stand_for_all_where_they_are_printed() -> None:
    assert repr(Predictions(stream(1, []), 1)) == "<1 predictions: ants/0.jpg: ants 90.0%>"
    assert repr(Predictions(stream(9, []), 9)).endswith(", ...>")


def test_titles_are_right_or_wrong_where_the_folder_is_named_like_a_class() -> None:
    guesses = [
        Prediction("ants/0.jpg", (Label("ants", 0.9),)),
        Prediction("bees/0.jpg", (Label("ants", 0.9),)),
        Prediction("other/0.jpg", (Label("ants", 0.9),)),
        Prediction("ants/1.jpg", error="broken"),
    ]
    found = Predictions(iter(guesses), 4, classes=("ants", "bees")).figure()
    colours = [axes.title.get_color() for axes in found.axes]
    assert colours == [GOOD, BAD, "black", "black"]
