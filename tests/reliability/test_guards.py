"""The list of guards is of guards that are there; `make test-reliability` takes them out one by one."""

from __future__ import annotations

import pytest

from tests.conftest import REPOSITORY
from tests.reliability.guards import GUARDS, Guard


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_each_guard_is_where_the_list_says(guard: Guard) -> None:
    text = (REPOSITORY / "onestop" / guard.file).read_text(encoding="utf-8")
    assert text.count(guard.here) == 1
    path, _, name = guard.test.partition("::")
    assert f"def {name or 'test_'}" in (REPOSITORY / "tests" / path).read_text(encoding="utf-8")
