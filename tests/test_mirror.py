"""`tests/` mirrors `onestop/`: each module that does something has a test file of its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ROOMS = ("explaining", "networks", "storage")
"""Folders that are mirrored file by file; others follow."""
MODULES = [
    path.relative_to(REPOSITORY / "onestop")
    for room in ROOMS
    for path in sorted((REPOSITORY / "onestop" / room).rglob("*.py"))
    if path.name != "__init__.py"
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_each_module_has_a_test_file_of_its_name(module: Path) -> None:
    assert (REPOSITORY / "tests" / module.parent / f"test_{module.name}").is_file()
