"""Text for people: lists, counts with their nouns, durations, suggestions for typos."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(value: str, options: Iterable[str]) -> str:
    """A half sentence with the closest options; empty if none is close.

    The dashes before an option are not compared: they are alike in all.

    >>> did_you_mean("lenet", ["lenet5", "linear"])
    "; did you mean 'lenet5'?"
    """
    lowered = {option.lower().lstrip("-"): option for option in options}
    near = difflib.get_close_matches(value.lower().lstrip("-"), lowered, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(lowered[n]) for n in near)}?" if near else ""


def listing(values: Iterable[object], limit: int = 8) -> str:
    """Values separated by commas, cut after `limit` with a count of the rest.

    >>> listing(range(4), limit=2)
    '0, 1 and 2 more'
    """
    texts = [str(value) for value in values]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def duration(seconds: float) -> str:
    """A duration in the units people use for it.

    >>> duration(0.21), duration(95), duration(8000)
    ('0.21 s', '1 min 35 s', '2 h 13 min')
    """
    if round(seconds) < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def clock(seconds: float) -> str:
    """A duration as a clock shows it, for table columns.

    >>> clock(95), clock(8000)
    ('1:35', '2:13:20')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def named_split(split: str) -> str:
    """A split in words.

    >>> named_split("val")
    'validation'
    """
    return {"test": "test", "val": "validation"}.get(split, "training")


def plural(count: int, thing: str, things: str = "") -> str:
    """A count and its noun.

    >>> plural(2000, "image")
    '2,000 images'
    """
    return f"1 {thing}" if count == 1 else f"{count:,} {things or thing + 's'}"
