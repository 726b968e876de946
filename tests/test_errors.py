"""The family of errors and its exit codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import onestop
from onestop import errors
from onestop.errors import (
    ArchitectureError,
    BadImageError,
    DataError,
    InterruptedRun,
    ModelFileError,
    NonFiniteLossError,
    OneStopError,
    OutOfMemoryError,
    RunLockedError,
    UsageError,
    WriteError,
    is_out_of_memory,
)
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (OneStopError, 1),
        (UsageError, 2),
        (ArchitectureError, 2),
        (ModelFileError, 2),
        (RunLockedError, 2),
        (DataError, 3),
        (BadImageError, 3),
        (NonFiniteLossError, 5),
        (OutOfMemoryError, 1),
        (WriteError, 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[OneStopError], code: int) -> None:
    assert kind("text").exit_code == code
    assert issubclass(kind, OneStopError)


@pytest.mark.parametrize("code", [75, 130])
def test_an_interruption_says_which_signal_by_its_code(code: int) -> None:
    error = InterruptedRun("state saved", code)
    assert (str(error), error.exit_code) == ("state saved", code)


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    """The syntax of each module of the package, by its full name."""
    package = Path(onestop.__file__).parent
    paths = {
        ".".join(("onestop", *path.relative_to(package).with_suffix("").parts)): path
        for path in package.rglob("*.py")
    }
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in paths.items()}


@pytest.fixture(scope="module")
def family(sources: dict[str, ast.Module]) -> dict[str, str]:
    """The parent of each error of the family, by name, as the code of the whole package has it."""
    classes = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for tree in sources.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    family = {"OneStopError": ""}
    while new := {
        name: base
        for name, bases in classes.items()
        for base in bases
        if base in family and name not in family
    }:
        family |= new
    return family


def drawing() -> list[str]:
    assert errors.__doc__
    return [line[4:] for line in errors.__doc__.splitlines() if re.match(r" {4}\S", line)]


def test_the_drawing_in_the_docstring_is_the_family(family: dict[str, str]) -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in drawing():
        indent, name, codes = re.match(r"([ |+-]*)(\w+) +([\d/]+)  ", line).groups()  # type: ignore[union-attr]
        above[len(indent) // 4 :] = [name]
        drawn[name] = above[-2] if len(above) > 1 else ""
        kind = getattr(onestop, name)
        if kind is not InterruptedRun:  # which is told its code
            assert codes == str(kind.exit_code)
    assert drawn == family


def test_every_kind_is_public_and_documented(family: dict[str, str]) -> None:
    page = (REPOSITORY / "docs" / "api-recipe.md").read_text()
    assert family.keys() <= {*onestop.__all__}
    for name in family:
        assert getattr(onestop, name).__doc__
        assert f".. autoexception:: onestop.{name}\n" in page
    assert "\n".join(drawing()) in page


def test_every_kind_is_raised_somewhere(
    family: dict[str, str], sources: dict[str, ast.Module]
) -> None:
    raised = {
        node.func.id
        for tree in sources.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert raised >= family.keys()


def test_a_message_is_one_printable_line() -> None:
    assert str(OneStopError("a\nb\tc\x1b[0m\udc80 ü 🐝")) == r"a\nb\tc\x1b[0m\udc80 ü 🐝"


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] can't allocate memory"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) == is_one
