"""The arguments of public functions, by the types they declare: checked in Python as in flags."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from onestop.errors import UsageError
from onestop.recipe.markers import flag
from onestop.recipe.other_words import answer
from onestop.recipe.schema import check_value

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def argument_kinds(function: Callable[..., Any]) -> dict[str, Any]:
    """The type of each argument; `Any` where only Python can pass it, such as a network."""
    kinds: dict[str, Any] = {}
    space = importlib.import_module(function.__module__).__dict__
    for name, parameter in inspect.signature(function).parameters.items():
        kind = parameter.annotation
        if isinstance(kind, str):
            holder = type("", (), {"__annotations__": {name: kind}})
            try:
                kind = get_type_hints(holder, space, include_extras=True)[name]
            except NameError:  # imported for type checkers alone
                kind = Any
        kinds[name] = kind
    return kinds


def checked(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A public function that says in one line which argument is wrong, as the command line does.

    Paths may be a `Run` too. Arguments of type `Any` are for the function to judge.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*given: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        for name in () if takes_any else named.keys() - signature.parameters.keys():
            if (other := answer(name, function.__name__)) is not None:
                raise UsageError(f"{function.__name__}: {name}: no such argument; {other}")
        bound = signature.bind(*given, **named)  # raises Python's own error if they do not fit
        kinds = _kinds(function)
        for name, value in bound.arguments.items():
            if (
                name in kinds
                and signature.parameters[name].kind is not inspect.Parameter.VAR_KEYWORD
            ):
                bound.arguments[name] = _checked(kinds[name], value, name)
        return function(*bound.args, **bound.kwargs)

    return call


@functools.cache
def _kinds(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: kind for name, kind in argument_kinds(function).items() if kind is not Any}


def _checked(kind: Any, value: Any, name: str) -> Any:
    if value is None and type(None) in get_args(kind):
        return None
    if "Path" not in str(kind):
        if value is None:
            raise UsageError(f"{flag(name)} of type NoneType: give a value, or leave it out")
        return check_value(kind, value, flag(name))
    if isinstance(value, list | tuple) and "list" in str(kind):
        return [_path(item, name) for item in value]
    return _path(value, name)


def _path(value: Any, name: str) -> Any:
    value = getattr(value, "folder", value)  # of a `Run`
    if isinstance(value, str | os.PathLike):
        from onestop.images.forms import local_path  # with NumPy, which help does not wait for

        path = local_path(value)  # a shell replaces `~` in few places, Python in none
        return path if str(value).startswith("~") else value
    raise UsageError(f"{flag(name)} of type {type(value).__name__}: give a path")
