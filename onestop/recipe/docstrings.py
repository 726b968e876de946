"""Docstrings, which hold the texts of all options, also where `python -OO` has dropped them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def docstring(thing: Callable[..., Any]) -> str:
    """The docstring of a function or class, without its indentation; empty if it has none.

    Without docstrings in memory it is read from the source.
    """
    text = thing.__doc__
    generated = isinstance(thing, type) and (text or "").startswith(f"{thing.__name__}(")
    if text and not generated:  # a dataclass without one gets its signature
        return inspect.cleandoc(text)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return ""
    body = tree.body[0]
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return (ast.get_docstring(body) or "") if isinstance(body, kinds) else ""
