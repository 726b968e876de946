"""Labels that are not there: empty values, NaN and the like, and the words programs write for them.

Asked before a label becomes text: afterwards None is `None`, a class like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FIX = "fill it or remove it"
"""The way out."""
WORDS = frozenset((
    "nan", "-nan", "+nan", "nat", "<na>", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "<nan>",
    "null", "(null)", "<null>", "\\n", "nil", "<none>", "1.#ind", "-1.#ind", "1.#qnan",
    "-1.#qnan", "-", "--", "---", "?", "??", ".", "..", "#value!", "#ref!", "#div/0!", "#name?",
    "#null!", "#num!",
))  # fmt: skip
"""What pandas, R, Excel, SQL, Weka and people write for a missing value, in lower case."""
_PYTHON = "None"
"""What Python writes: spelled so, since `none` is a class of many data sets."""


def is_missing(value: Any) -> bool:
    """Whether a value in Python is no label: None, NaN, NaT, NA, masked, or blank text."""
    if value is None or value is np.ma.masked:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, bytes):
        return not value.strip()
    try:
        return bool(value != value)  # noqa: PLR0124 - true of NaN and NaT, whoever made them
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ):  # pandas.NA is neither; an array is no single label
        return type(value).__name__ == "NAType"


def missing_at(values: Any) -> int | None:
    """The index of the first sample whose label is missing; None if all are there.

    Args:
        values: A label per sample, a set of labels per sample, or a matrix of numbers.
    """
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        return int(np.nonzero(np.ma.getmaskarray(values))[0][0])
    if hasattr(values, "columns") or hasattr(values, "detach"):  # a DataFrame, a tensor
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        if not values.ndim or values.dtype.kind != "f":
            return None
        samples = np.nonzero(np.isnan(values))[0]
        return int(samples[0]) if len(samples) else None
    return _first(values, is_missing)


def word_at(values: Any) -> tuple[int, str] | None:
    """The index and the label of the first sample whose label is a word for a missing value."""
    if hasattr(values, "columns") or getattr(getattr(values, "dtype", None), "kind", "O") in "biuf":
        return None

    def is_one(value: Any) -> bool:
        return isinstance(value, str) and is_word(value)

    index = _first(values, is_one)
    if index is None:
        return None
    label = values[index]
    return index, label if isinstance(label, str) else next(filter(is_one, label))


def _first(values: Any, is_one: Callable[[Any], bool]) -> int | None:
    try:
        labels = enumerate(values)
    except TypeError:  # no sequence: refused later, by its type
        return None
    for index, label in labels:
        if isinstance(label, int):
            continue
        if isinstance(
            label, set | frozenset | list | tuple
        ):  # empty text in a set is no label of it
            several = [of for of in label if not (isinstance(of, str) and not of.strip())]
            if any(map(is_one, several)):
                return index
        elif is_one(label):
            return index
    return None


def is_word(text: str) -> bool:
    """Whether text is a usual word for a missing value, as a whole.

    >>> is_word("NaN"), is_word("None"), is_word("none"), is_word("Nancy")
    (True, True, False, False)
    """
    return text == _PYTHON or text.lower() in WORDS


def refusal(text: str) -> str:
    """Why a word for a missing value is not taken for a label, and the way out."""
    return (
        f"label {text!r} is a usual word for no label; {FIX}, or set --literal-labels if it is a "
        "name"
    )
