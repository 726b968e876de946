"""The one declaration: every field has a text and a type, and other tools' names lead to one."""

from __future__ import annotations

import ast
import dataclasses
import inspect

import pytest

import onestop
from onestop.recipe import ALIASES, FIELDS, Recipe, canonical, field_docs, field_types
from onestop.recipe.config import check_setting
from onestop.verbs.train import train


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_text_and_a_type(name: str) -> None:
    text = field_docs()[name]
    assert len(text) > 10
    assert "\n" not in text
    assert not text.endswith(".")  # flags' texts are no sentences
    assert field_types()[name] is not None


def test_the_declaration_stays_small() -> None:
    assert len(FIELDS) < 60


def test_texts_and_fields_are_the_same_names_in_the_same_order() -> None:
    assert tuple(field_docs()) == FIELDS == tuple(field_types())


@pytest.mark.parametrize("field", dataclasses.fields(Recipe), ids=lambda field: field.name)
def test_every_default_passes_its_own_check(field: dataclasses.Field[object]) -> None:
    value = getattr(Recipe(), field.name)
    assert check_setting(field.name, value) == value


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
        ("nonsense-name", "nonsense_name"),
    ],
)
def test_a_setting_is_found_by_dashes_underscores_and_aliases(typed: str, meant: str) -> None:
    assert canonical(typed) == meant


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3  # type: ignore[misc]


def test_train_shows_every_field_in_its_signature_and_its_text() -> None:
    parameters = inspect.signature(onestop.train).parameters
    assert set(FIELDS) <= parameters.keys()
    for name in set(FIELDS) - {"source"}:
        assert parameters[name].default == getattr(Recipe(), name)
        assert f"{name}: {field_docs()[name]}" in (onestop.train.__doc__ or "")


def test_the_declaration_needs_nothing_heavy() -> None:
    tree = ast.parse(inspect.getsource(inspect.getmodule(Recipe) or Recipe))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__", "dataclasses", "typing", "annotated_types"}
