"""Names of settings: other tools' and earlier ones lead to the right one."""

from __future__ import annotations

import inspect

import pytest

from onestop.recipe.names import ALIASES, canonical
from onestop.recipe.schema import FIELDS
from onestop.verbs.train import train


def test_other_tools_names_lead_to_a_setting_or_an_argument_of_train() -> None:
    known = {*FIELDS, *inspect.signature(train).parameters}
    assert {target for target in ALIASES.values() if target not in known} == set()
    assert not ALIASES.keys() & known, "an alias would hide the real name"


def test_aliases_are_spelled_with_underscores() -> None:
    assert all(alias.isidentifier() for alias in ALIASES)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("epochs", "epochs"),
        ("batch-size", "batch_size"),
        ("batch", "batch_size"),
        ("learning-rate", "lr"),
        ("learning_rate", "lr"),
        ("wd", "weight_decay"),
        ("imgsz", "image_size"),
        ("data", "source"),
        ("views", "cached_augmentations"),
        ("nonsense-name", "nonsense_name"),
    ],
)
def test_a_setting_is_found_by_dashes_underscores_and_aliases(typed: str, meant: str) -> None:
    assert canonical(typed) == meant
