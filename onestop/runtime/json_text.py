"""JSON for files and for the terminal, written in one place.

It is JSON by RFC 8259: a number that is NaN or infinite is `null`. And it is plain text: characters
that are not printable, such as those that begin an escape sequence, are escaped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any


def json_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    r"""A value as JSON.

    Args:
        value: Mappings, lists, tuples, texts, numbers (also NumPy's) and paths, in each other.
        indent: Spaces per level; on one line if None.
        ascii_only: Escape every letter outside ASCII, for an output that cannot hold it.

    >>> json_text({"a": float("nan"), "b": "Käfer"}), json_text("Käfer", ascii_only=True)
    ('{"a": null, "b": "Käfer"}', '"K\\u00e4fer"')
    """
    text = json.dumps(finite(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    if text.isprintable() and text.isascii():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def finite(value: Any) -> Any:
    """A value with None in place of numbers that are NaN or infinite, of JSON's own types."""
    if hasattr(value, "dtype") and hasattr(value, "item"):  # a number of NumPy's, not imported here
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k : k + 2].hex()}" for k in range(0, len(units), 2))
