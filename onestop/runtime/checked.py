"""The one way in which values from a file are checked: each key has a type; a wrong one costs its key.

Files of a run and cards of models may come from anywhere. Types are as strict as JSON: `"3"` and `true`
are not numbers, and NaN and infinity are not values.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from annotated_types import Ge, Le
from pydantic import ConfigDict, TypeAdapter, ValidationError

Count: TypeAlias = Annotated[int, Ge(0), Le(2**53)]
Amount: TypeAlias = Annotated[float, Ge(0)]
Share: TypeAlias = Annotated[float, Ge(0), Le(1 + 1e-9)]
Details: TypeAlias = dict[str, dict[str, float | None]]
"""Values of each class or label, by name."""

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def fits(kind: Any, value: Any) -> bool:
    """Whether a value that was read from JSON is of a type.

    >>> fits(Count, 3), fits(Count, "3"), fits(Share, 1.5), fits(float, float("nan"))
    (True, False, False, False)
    """
    try:
        _adapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def parts(values: Any, kinds: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The entries of an object, and the names of those that are not of their type, which are left out.

    Args:
        values: From a file.
        kinds: The type of each key; other keys are kept as they are.
    """
    if not isinstance(values, dict):
        return {}, []
    wrong = [
        name for name, kind in kinds.items() if name in values and not fits(kind, values[name])
    ]
    return {name: value for name, value in values.items() if name not in wrong}, wrong


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=_STRICT)
