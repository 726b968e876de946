"""Fields of the recipe as arguments of a function."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from onestop.errors import UsageError
from onestop.recipe.arguments import checked_fields, takes_fields
from onestop.recipe.schema import field_docs, field_types


@takes_fields("lr", "nesterov")
def example(source: str, *, name: str | None = None, **settings: Any) -> Any:
    """Do it.

    Args:
        source: where from
        name: what for
        settings: everything else

    Returns:
        The settings.
    """
    return settings


def test_the_fields_stand_in_signature_and_docstring() -> None:
    parameters = inspect.signature(example).parameters
    assert list(parameters) == ["source", "name", "lr", "nesterov"]
    assert parameters["nesterov"].default is False
    assert parameters["lr"].annotation == field_types()["lr"]
    assert parameters["lr"].kind is inspect.Parameter.KEYWORD_ONLY
    doc = example.__doc__ or ""
    assert f"    lr: {field_docs()['lr']}\n" in doc
    assert "settings: everything else" not in doc
    assert example("x", lr=1) == {"lr": 1}


def test_they_are_checked_under_any_of_their_names() -> None:
    names = ("lr", "nesterov")
    assert checked_fields({"learning_rate": "0.5", "nesterov": None}, names) == {"lr": 0.5}
    with pytest.raises(UsageError, match="--lr -1: "):
        checked_fields({"lr": -1}, names)
    with pytest.raises(UsageError, match="--epochs: no such setting"):
        checked_fields({"epochs": 1}, names)
