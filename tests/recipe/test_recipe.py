"""A recipe: complete, grouped, and flat where people read and write it."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from onestop.recipe import Recipe
from onestop.recipe.schema import FIELDS
from tests.recipes import DERIVED, recipe


def test_flat_values_come_back_in_the_order_of_the_declaration() -> None:
    chosen = recipe(lr=0.5, tta="flip")
    assert tuple(chosen.values()) == FIELDS
    assert Recipe.from_values(chosen.values()) == chosen
    assert (chosen.optim.lr, chosen.evaluation.tta, chosen.data.source) == (0.5, "flip", "digits")


def test_every_value_must_be_known() -> None:
    with pytest.raises(TypeError, match="epochs"):
        Recipe.from_values({name: v for name, v in DERIVED.items() if name != "epochs"})
    with pytest.raises(KeyError, match="epoch"):
        Recipe.from_values({**DERIVED, "epoch": 3})


def test_some_values_may_be_replaced() -> None:
    chosen = recipe()
    other = chosen.replace(epochs=7, seed=1)
    assert (other.optim.epochs, other.machine.seed) == (7, 1)
    assert other.replace(epochs=chosen.optim.epochs, seed=0) == chosen


@pytest.mark.parametrize("name", FIELDS)
def test_flat_names_work_too(name: str) -> None:
    chosen = recipe()
    assert getattr(chosen, name) == chosen.values()[name]


def test_an_earlier_name_works_too_and_a_wrong_one_does_not() -> None:
    chosen = recipe(cached_augmentations=3)
    assert getattr(chosen, "views") == 3  # noqa: B009  # mypy knows the groups only
    with pytest.raises(AttributeError, match="'epoch'"):
        getattr(chosen, "epoch")  # noqa: B009
    assert not hasattr(Recipe.__new__(Recipe), "optim")


def test_a_recipe_cannot_be_changed() -> None:
    chosen = recipe()
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.optim.epochs = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.optim = chosen.optim  # type: ignore[misc]


def test_a_recipe_can_be_copied_and_sent() -> None:
    chosen = recipe()
    assert copy.deepcopy(chosen) == chosen == pickle.loads(pickle.dumps(chosen))
