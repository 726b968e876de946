"""`tests/` mirrors `onestop/`: each module that does something has a test file of its name.

`onestop/data/loader.py` is tested by `tests/data/test_loader.py`; what `onestop/data/__init__.py`
defines, if anything, by `tests/data/test_data.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "onestop"
EXEMPT = {
    "__main__.py": "calls the command line, as tests/test_cli.py does",
    "version.py": "a string",
}
"""Modules that are only tables, types or names, each with the reason why it needs no tests."""
OPEN = ("data/sources", "jobs", "tasks", "training")
"""Rooms where test files may still lack."""


def defines(path: Path) -> bool:
    """Whether a module is more than a package's docstring and the names it hands on."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return path.name != "__init__.py" or any(isinstance(node, kinds) for node in tree.body)


MODULES = [
    path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py")) if defines(path)
]


def file_for(module: str) -> Path:
    path = Path("onestop", module)
    name = path.parent.name if path.name == "__init__.py" else path.stem
    return REPOSITORY.joinpath("tests", *path.parts[1:-1], f"test_{name}.py")


def is_open(module: str) -> bool:
    return module.startswith(tuple(f"{room}/" for room in OPEN))


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name not in EXEMPT and not is_open(name)]
)
def test_each_module_has_a_file_for_its_name(module: str) -> None:
    assert file_for(module).is_file()


def test_those_that_have_none_are_told() -> None:
    """Printed, so that one sees what is left out; a reason that is no longer needed goes."""
    lacking = [name for name in MODULES if not file_for(name).is_file()]
    for name in lacking:
        print(f"no test file: {name}: {EXEMPT.get(name, 'open')}")
    assert set(EXEMPT) <= set(lacking)
    for room in OPEN:
        assert (PACKAGE / room).is_dir()


def test_a_package_that_defines_nothing_needs_no_tests() -> None:
    assert not defines(PACKAGE / "results" / "__init__.py")
    assert defines(PACKAGE / "data" / "__init__.py")
