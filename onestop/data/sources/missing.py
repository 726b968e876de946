"""Labels that are not there: empty values, NaN and the like, and the words programs write for them.

Asked before a label becomes text: afterwards None is `None`, a class like any other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FIX = "fill it or remove it"
"""The way out."""
WORDS = frozenset((
    "nan", "-nan", "+nan", "nat", "<na>", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "<nan>",
    "null", "(null)", "<null>", "\\n", "nil", "<none>", "1.#ind", "-1.#ind", "1.#qnan",
    "-1.#qnan", "-", "--", "---", "?", "??", ".", "..", "#value!", "#ref!", "#div/0!", "#name?", "#null!",
    "#num!",
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
    except (TypeError, ValueError):  # pandas.NA is neither; an array is no single label
        return type(value).__name__ == "NAType"


def is_word(text: str) -> bool:
    """Whether text is a usual word for a missing value, as a whole.

    >>> is_word("NaN"), is_word("None"), is_word("none"), is_word("Nancy")
    (True, True, False, False)
    """
    return text == _PYTHON or text.lower() in WORDS


def refusal(text: str) -> str:
    """Why a word for a missing value is not taken for a label, and the way out."""
    return (
        f"label {text!r} is a usual word for no label; {FIX}, or set --literal-labels if it is a name"
    )
