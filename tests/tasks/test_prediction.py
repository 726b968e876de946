"""Labels and predictions, in words, as JSON and in a notebook."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from onestop.tasks import Label, Prediction, prediction

CAT, DOG = Label("cat", 0.75), Label("dog", 0.25)
NUMBER = Label("0.5", 0.5, number=True)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(prediction) == (0, 1)


def test_a_class_called_like_its_score_is_no_number() -> None:
    assert Label("0.5", 0.5).text == "0.5 50.0%"
    assert NUMBER.text == "0.5"


def test_the_best_label_stands_for_the_prediction() -> None:
    found = Prediction("a.jpg", (CAT, DOG), truth=("dog",), correct=False)
    assert (found.label, found.score, found.second, found.margin) == ("cat", 0.75, DOG, 0.5)
    assert (found.text, found.truth_text) == ("cat 75.0%, dog 25.0%", "dog")


def test_without_labels_there_is_nothing_to_say() -> None:
    found = Prediction("a.jpg", error="no image")
    assert (found.label, found.score, found.second, found.margin) == ("", None, None, 0.0)
    assert (found.text, found.truth_text) == ("", "")


def test_an_image_may_have_no_label_at_all() -> None:
    found = Prediction("a.jpg", (), truth=(), correct=True)
    assert (found.label, found.text, found.truth_text) == ("", "no label", "no label")


def test_several_true_labels_are_listed() -> None:
    assert Prediction("a.jpg", (CAT,), truth=("cat", "dog")).truth_text == "cat, dog"


def test_json_has_the_best_label_and_all_of_them() -> None:
    assert Prediction("a", (CAT, DOG), warning="cut").to_json() == {
        "image": "a", "label": "cat", "score": 0.75, "remark": "cut",
        "top": [{"label": "cat", "score": 0.75}, {"label": "dog", "score": 0.25}],
        "doubts": [],
    }  # fmt: skip
    assert list(Prediction("a", (NUMBER,)).to_json()) == [
        "image",
        "label",
        "score",
        "top",
        "doubts",
    ]
    assert Prediction("a", error="no image").to_json() == {"image": "a", "error": "no image"}


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (Prediction("a", (CAT,)), ("cat", "75.0%")),
        (Prediction("a", (NUMBER,)), ("0.5", "")),
        (Prediction("<a>", error="<no image>"), ("&lt;a&gt;", "&lt;no image&gt;")),
    ],
)
def test_a_notebook_shows_labels_or_the_error(found: Prediction, wanted: tuple[str, str]) -> None:
    html = found._repr_html_()
    assert all(text in html for text in wanted)
    assert "<a>" not in html
    assert "50.0%" not in html


def test_what_was_given_is_shown_small_and_does_not_count_in_comparisons() -> None:
    pixels = np.zeros((400, 200, 3), np.uint8)
    found = Prediction("a", (CAT,), given=pixels)
    picture = found.thumbnail()
    assert picture is not None
    assert picture.shape == (192, 96, 3)
    assert '<img alt="a"' in found._repr_html_()
    assert found == Prediction("a", (CAT,))
    assert Prediction("a", given=b"no image").thumbnail() is None
    assert Prediction("a", given=np.zeros(3, np.float32)).thumbnail() is None
