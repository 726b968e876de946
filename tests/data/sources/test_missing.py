"""Labels that are not there."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pytest
import torch

from onestop.data.sources.missing import is_missing, is_word, missing_at, word_at


class NAType:
    """As pandas.NA behaves."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


MISSING = {
    "None": None, "nan": float("nan"), "numpy nan": np.float32("nan"), "NaT": np.datetime64("NaT"),
    "decimal": decimal.Decimal("NaN"), "NA": NAType(), "masked": np.ma.masked, "empty": "",
    "blank": " \t\u00a0", "bytes": b" ", "tensor": torch.tensor(float("nan")),
}  # fmt: skip


@pytest.mark.parametrize("value", MISSING.values(), ids=MISSING)
def test_what_is_missing(value: Any) -> None:
    assert is_missing(value)
    assert missing_at(["a", 1, value, "b"]) == 2


@pytest.mark.parametrize(
    "value", [0, False, "0", "a", 0.0, b"a", torch.tensor(0), np.array([1, 2])]
)
def test_what_is_there(value: Any) -> None:
    assert not is_missing(value)
    assert missing_at([value, value]) is None


@pytest.mark.parametrize(
    ("values", "index"),
    [
        (np.array(["a", None, "b"], object), 1),
        (np.array([1.0, 2.0, np.nan]), 2),
        (np.array([[1, 0], [np.nan, 1]]), 1),
        (torch.tensor([1.0, float("nan")]), 1),
        (np.ma.masked_array([1, 2, 3], mask=[False, True, False]), 1),
        ([{"a"}, set(), {"a", None}], 2),
        ([["a"], ["b", np.nan]], 1),
        ([{"a"}, None], 1),
    ],
)
def test_the_first_is_named_in_any_collection(values: Any, index: int) -> None:
    assert missing_at(values) == index


@pytest.mark.parametrize(
    "values",
    [[{"a"}, set(), [""]], np.arange(3), torch.arange(3), np.ma.masked_array([1, 2]), 7, []],
)
def test_an_empty_set_is_a_sample_without_labels_and_not_one_that_lacks_them(values: Any) -> None:
    assert missing_at(values) is None


@pytest.mark.parametrize(
    "word",
    [
        "NaN",
        "nan",
        "NULL",
        "null",
        "None",
        "N/A",
        "n/a",
        "NA",
        "<NA>",
        "#N/A",
        "-",
        "?",
        "NaT",
        "nil",
    ],
)
def test_words_for_a_missing_value(word: str) -> None:
    assert is_word(word)
    assert word_at(["a", word]) == (1, word)
    assert word_at([{"a"}, {"a", word}]) == (1, word)


@pytest.mark.parametrize("word", ["none", "Nancy", "Nana", "no", "0", "unknown", "NA_1"])
def test_words_that_are_names(word: str) -> None:
    assert not is_word(word)
    assert word_at(["a", word]) is None
