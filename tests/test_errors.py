"""The family of errors and its exit codes."""

from __future__ import annotations

import pytest

from onestop import errors
from onestop.errors import (
    DataError,
    InterruptedRun,
    NonFiniteLossError,
    OneStopError,
    UsageError,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(OneStopError, 1), (UsageError, 2), (DataError, 3), (NonFiniteLossError, 5)],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[OneStopError], code: int) -> None:
    assert kind("text").exit_code == code
    assert issubclass(kind, OneStopError)


@pytest.mark.parametrize("code", [75, 130])
def test_an_interruption_says_which_signal_by_its_code(code: int) -> None:
    error = InterruptedRun("state saved", code)
    assert (str(error), error.exit_code) == ("state saved", code)


def test_every_kind_is_public_in_the_module_and_documented() -> None:
    kinds = [v for v in vars(errors).values() if isinstance(v, type)]
    kinds = [kind for kind in kinds if issubclass(kind, OneStopError)]
    assert len(kinds) == 6
    assert all(kind.__doc__ for kind in kinds)
