"""The fields of all groups as one table: types, texts, names and markers.

Settings are flat for users: flags, files and Python keywords name a field, never its group.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import types
from collections.abc import Mapping
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import ConfigDict, TypeAdapter, ValidationError

from onestop.errors import UsageError
from onestop.recipe import groups
from onestop.recipe.docstrings import docstring
from onestop.recipe.groups import GROUP_OF, GROUPS
from onestop.recipe.markers import For, Free, Not, Since, With, flag
from onestop.recipe.names import canonical
from onestop.recipe.other_words import answer
from onestop.recipe.ranges import range_of
from onestop.text import did_you_mean, listing

_Marker = TypeVar("_Marker")
_MARKERS = (With, Not, For, Since)

FIELDS = tuple(GROUP_OF)
"""The names of all fields, in the order of recipe files."""
DEFAULTS: dict[str, Any] = {
    field.name: field.default
    for group in GROUPS.values()
    for field in dataclasses.fields(group)
    if field.default is not dataclasses.MISSING
}
"""The built-in defaults; a field that is not in it is derived unless it is set."""


@functools.cache
def field_types() -> dict[str, Any]:
    """The type of each field with its limits, as users set it: None means `derive it`."""
    kinds = {name: _without_markers(kind) for name, kind in _declared().items()}
    return {name: kind if name in DEFAULTS else kind | None for name, kind in kinds.items()}


@functools.cache
def field_docs() -> dict[str, str]:
    """The text under each field, on one line."""
    module = ast.parse(inspect.getsource(groups))
    docs = {}
    for group in (node for node in module.body if isinstance(node, ast.ClassDef)):
        for field, text in zip(group.body, group.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                assert isinstance(text, ast.Expr)
                assert isinstance(text.value, ast.Constant)
                docs[field.target.id] = " ".join(str(text.value.value).split())
    return docs


def group_title(group: str) -> str:
    """The heading of a group in help pages: the first word of its docstring."""
    return (docstring(GROUPS[group]) or group).partition(":")[0].lower()


def hints(name: str) -> list[str]:
    """When a field counts, as help shows it: `with --schedule step`, `for classes or labels`."""
    conditions: tuple[For | With, ...] = (*_marked(name, For), *_marked(name, With))
    return [condition.hint for condition in conditions if condition.hint]


def useless(values: Mapping[str, Any]) -> dict[str, str]:
    """The fields that have no effect, each with the settings that are the reason.

    Args:
        values: Settings by name; one that is not known yet is never a reason.
    """
    reasons = {}
    for name in FIELDS:
        conditions: tuple[With | Not, ...] = (*_marked(name, With), *_marked(name, Not))
        obstacles = (condition.obstacle(values) for condition in conditions)
        reasons[name] = next(filter(None, obstacles), "")
    return {name: reason for name, reason in reasons.items() if reason}


def inapplicable(
    task: str, *, images: bool, shares: bool = False, whole: bool = True
) -> dict[str, str]:
    """The fields that a run does not have, each with the reason.

    Args:
        task: Name of its task.
        images: Whether its inputs are images; otherwise they are vectors.
        shares: Whether its loss takes a share of each class or label.
        whole: Whether its predictions are about whole images.
    """
    reasons = {
        name: condition.refusal(task, images=images, shares=shares, whole=whole)
        for name in FIELDS
        for condition in _marked(name, For)
    }
    return {name: reason for name, reason in reasons.items() if reason}


def free_fields() -> tuple[str, ...]:
    """The fields that may change when a run is resumed."""
    return tuple(name for name in FIELDS if Free in _metadata(name))


def later_fields() -> dict[str, Any]:
    """The fields that older runs do not have, each with the value that describes these runs."""
    return {name: since.value for name in FIELDS for since in _marked(name, Since)}


@functools.cache
def _declared() -> dict[str, Any]:
    """The declared types, with limits and markers."""
    kinds = (get_type_hints(group, include_extras=True) for group in GROUPS.values())
    return {name: kind for group in kinds for name, kind in group.items()}


def _metadata(name: str) -> tuple[object, ...]:
    return getattr(_declared()[name], "__metadata__", ())


def _marked(name: str, kind: type[_Marker]) -> list[_Marker]:
    return [marker for marker in _metadata(name) if isinstance(marker, kind)]


def _without_markers(kind: Any) -> Any:
    if get_origin(kind) is not Annotated:
        return kind
    limits = [m for m in kind.__metadata__ if m is not Free and not isinstance(m, _MARKERS)]
    plain, annotated = kind.__origin__, cast(Any, Annotated)
    return annotated[(plain, *limits)] if limits else plain


def check_name(name: str, options: Mapping[str, object] | tuple[str, ...], place: str) -> str:
    """The canonical form of a setting's name, or a one-line error with the closest names."""
    field = canonical(name)
    if field not in options:
        if (other := answer(name)) is not None:
            raise UsageError(f"{place}: no such setting; {other}")
        spelled = [option.replace("_", "-") if "--" in place else option for option in options]
        raise UsageError(f"{place}: no such setting{did_you_mean(name, spelled)}")
    return field


def check_setting(name: str, value: object, place: str | None = None) -> Any:
    """The value of one field in its own type; None if it is to be derived.

    Args:
        name: A field.
        value: A number, a boolean, or text, as in flags and files.
        place: How the error names the setting; `--name` by default.

    Raises:
        UsageError: The value is not of the field's type or outside its limits.
    """
    return check_value(field_types()[name], value, place or flag(name))


def check_value(kind: Any, value: object, place: str) -> Any:
    """`value` converted to `kind` (a type with `annotated_types` limits), or a one-line error."""
    if isinstance(value, str) and not value.strip():
        raise UsageError(f"{place.rstrip(':')}: its value is empty; give one or leave it out")
    if isinstance(value, str) and value == "auto" and _is_optional(kind):
        return None
    choices = choices_of(kind)
    if choices and isinstance(value, str) and all(isinstance(c, int) for c in choices):
        value = int(value) if value.isdecimal() else value
    if isinstance(value, bool) and "bool" not in str(kind):
        value = str(value).lower()  # pydantic would take a boolean for a number
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        expected = problem["msg"]
    if choices:
        suggestion = did_you_mean(str(value), map(str, choices))
        expected = f"not one of {listing(choices, 20)}{suggestion}"
    elif problem["type"].startswith(("greater_than", "less_than")):
        expected = f"must be {range_of(kind)}"
    else:
        expected = expected.removeprefix("Input ").removeprefix("Value error, ")
        expected = expected.split(", unable")[0]
    raise UsageError(f"{place} {value!s:.80}: {expected}")


def choices_of(kind: Any) -> tuple[Any, ...]:
    """The values of a `Literal` type (also of an optional one); empty for other types."""
    for part in (kind, *get_args(kind)):
        if get_origin(part) is Literal:
            return get_args(part)
    return ()


_ADAPTERS: dict[str, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if repr(kind) not in _ADAPTERS:
        config = ConfigDict(allow_inf_nan=False, coerce_numbers_to_str=True)
        _ADAPTERS[repr(kind)] = TypeAdapter(kind, config=config)
    return _ADAPTERS[repr(kind)]


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)
