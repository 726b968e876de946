"""JSON: by the standard, plain text, and written in one place."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.runtime.json_text import finite, json_text

PACKAGE = Path(onestop.__file__).parent


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("indent", [None, 2])
def test_numbers_that_are_not_finite_are_null(indent: int | None) -> None:
    values = {"a": [math.nan, math.inf, (1.5, -math.inf)], "b": np.float32("nan"), "c": np.int64(3)}
    assert strict(json_text(values, indent=indent)) == {
        "a": [None, None, [1.5, None]],
        "b": None,
        "c": 3,
    }
    assert finite(math.inf) is None


ODD = "\x1b[31m\x07\x7f\x9b\r\u202e\u2066\u200b\udcff\U000e0001 é 🐝"


@pytest.mark.parametrize("ascii_only", [False, True])
def test_what_is_not_printable_is_escaped_and_comes_back(ascii_only: bool) -> None:
    text = json_text({ODD: [ODD]}, indent=1, ascii_only=ascii_only)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.isascii() == ascii_only
    assert strict(text) == {ODD: [ODD]}


def test_paths_are_texts() -> None:
    assert json_text([Path("a") / "b"]) == f'["{Path("a") / "b"}"]'.replace("\\", "\\\\")


def test_no_other_module_writes_json() -> None:
    """So that no NaN and no escape sequence can get into one."""
    keys = {"data/disk_cache.py", "storage/model_file.py"}  # they hash it
    writers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("json.dump", "json.dumps"):
                writers.add(path.relative_to(PACKAGE).as_posix())
    assert writers - keys == {"runtime/json_text.py"}
