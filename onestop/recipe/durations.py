"""Lengths of time as people write them: `90`, `90s`, `10m`, `1h30m`."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(
    r"(\d+(?:\.\d*)?)\s*(?:(h)(?:ours?|r)?|(m)(?:in(?:utes?)?)?|(s)(?:ec(?:onds?)?)?)\s*"
)


def seconds_of(value: object) -> object:
    """Seconds from text with units; anything else as it is, for the type to judge.

    >>> seconds_of("1h30m"), seconds_of("90 s"), seconds_of(45)
    (5400.0, 90.0, 45)

    Raises:
        ValueError: Text that is neither a number nor a length of time.
    """
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    try:
        return float(text)
    except ValueError:
        parts = list(_PARTS.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError("give seconds, or a length of time such as 90s, 10m or 1h30m") from None
    return sum(float(part[1]) * _UNITS[next(filter(None, part.groups()[1:]))] for part in parts)


def text_of(seconds: float) -> str:
    """Seconds as people read them.

    >>> text_of(90), text_of(600), text_of(5400), text_of(7.5)
    ('90 s', '10 min', '90 min', '7.5 s')
    """
    whole = seconds >= 120 and seconds % 60 == 0
    return f"{seconds / 60:g} min" if whole else f"{seconds:.3g} s"
