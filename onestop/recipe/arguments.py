"""Arguments of functions that are fields of the recipe: declared there, shown here with their texts.

A function takes them as `**settings`; its signature and docstring, of which the command line and the
documentation are made, list each of them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from onestop.recipe.docstrings import docstring
from onestop.recipe.markers import flag
from onestop.recipe.schema import DEFAULTS, check_name, check_setting, field_docs, field_types

READING = (
    "task", "path_column", "label_column", "image_root", "suffix", "literal_labels",
)  # fmt: skip
"""The fields that say how a source is read, for every function that opens one."""
PREPARING = ("image_size", "fit", "normalize")
"""The fields that say how images are prepared, for functions that take published weights."""
Function = TypeVar("Function", bound=Callable[..., Any])


def takes_fields(*names: str) -> Callable[[Function], Function]:
    """A decorator: the function's `**name` stands for fields of the recipe, by keyword.

    Args:
        names: Of the fields. In the docstring they take the place of the line on `**name`.
    """

    def decorate(function: Function) -> Function:
        own = inspect.signature(function, eval_str=False)
        parameters = list(own.parameters.values())
        variable = next(p.name for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD)
        fields = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name),
                annotation=field_types()[name],
            )
            for name in names
        ]  # fmt: skip
        named = [p for p in parameters if p.name != variable]
        function.__signature__ = own.replace(parameters=[*named, *fields])  # type: ignore[attr-defined]
        texts = "\n".join(f"    {name}: {field_docs()[name]}" for name in names)
        line = re.compile(rf"^ {{4}}{variable}: .*$", re.MULTILINE)
        function.__doc__ = line.sub(lambda _: texts, docstring(function))
        return function

    return decorate


def checked_fields(settings: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Fields given to such a function, checked; None leaves a field as it is.

    Args:
        settings: By name, as given.
        names: Of the fields that it takes.

    Raises:
        UsageError: Another name, or a wrong value.
    """
    checked: dict[str, Any] = {}
    for spelled, value in settings.items():
        name = check_name(spelled, names, flag(spelled))
        if value is not None:
            checked[name] = check_setting(name, value)
    return checked
