"""The range of numbers that a type allows, in words.

Every number that a user sets has one, written in its type: a value beyond all reason would otherwise
end in the message of some library, or in a crash.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

HUGE = 10**9
"""The upper limit where nothing else limits a number."""


@dataclass
class Range:
    """The numbers between two limits.

    Attributes:
        low: The lower limit; minus infinity if there is none.
        high: The upper limit; infinity if there is none.
        with_low: Whether the lower limit itself is allowed.
        with_high: Whether the upper one is.
    """

    low: float = -math.inf
    high: float = math.inf
    with_low: bool = True
    with_high: bool = True

    def __str__(self) -> str:
        """The range as in `must be {range}`.

        >>> str(Range(1, 1024)), str(Range(0, 1, with_high=False))
        ('from 1 to 1,024', 'at least 0 and below 1')
        """
        low, high = (f"{limit:,.16g}" for limit in (self.low, self.high))
        if (
            self.with_low
            and self.with_high
            and math.isfinite(self.low)
            and math.isfinite(self.high)
        ):
            return f"from {low} to {high}"
        limits = ((self.low, self.with_low, "at least", "above", low),
                  (self.high, self.with_high, "at most", "below", high))  # fmt: skip
        return " and ".join(
            f"{closed if inside else opened} {text}"
            for limit, inside, closed, opened, text in limits
            if math.isfinite(limit)
        )


def number_in(kind: Any) -> type | None:
    """`int` or `float` if values of the type are numbers that are not listed one by one; else None."""
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if plain in (int, float):
        return plain  # type: ignore[no-any-return]
    return next(filter(None, map(number_in, _parts(kind))), None)


def range_of(kind: Any) -> Range:
    """The range of a type with `annotated_types` limits, which may be optional.

    >>> str(range_of(Annotated[int, Gt(0), Le(9)] | None))
    'from 1 to 9'
    """
    limits = Range()
    for limit in _limits(kind):
        if isinstance(limit, Ge | Gt):
            low: Any = limit.ge if isinstance(limit, Ge) else limit.gt
            limits.low, limits.with_low = max(
                (limits.low, limits.with_low), (low, isinstance(limit, Ge)), key=lambda one: one[0]
            )
        elif isinstance(limit, Le | Lt):
            high: Any = limit.le if isinstance(limit, Le) else limit.lt
            limits.high, limits.with_high = min(
                (limits.high, limits.with_high),
                (high, isinstance(limit, Le)),
                key=lambda one: one[0],
            )
    if number_in(kind) is int and not limits.with_low:
        limits.low, limits.with_low = limits.low + 1, True
    return limits


def _limits(kind: Any) -> list[Any]:
    own = list(get_args(kind)[1:]) if get_origin(kind) is Annotated else []
    return own + [limit for part in _parts(kind) for limit in _limits(part)]


def _parts(kind: Any) -> tuple[Any, ...]:
    """The types that a type is made of, if it is optional or annotated."""
    if get_origin(kind) is Annotated:
        return (get_args(kind)[0],)
    return tuple(part for part in get_args(kind) if isinstance(part, type) or get_origin(part))
