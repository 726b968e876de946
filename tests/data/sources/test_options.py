"""How a source is to be read."""

from __future__ import annotations

import pytest

from onestop.data.sources.options import OF_TABLES, OPTIONS, Options
from onestop.errors import UsageError
from onestop.recipe.arguments import READING
from onestop.recipe.schema import DEFAULTS
from tests.recipes import recipe


def test_they_are_fields_of_the_recipe_with_the_same_defaults() -> None:
    assert OPTIONS == READING
    assert {name: DEFAULTS[name] for name in OPTIONS} == Options().values()


def test_they_come_from_a_recipe_and_an_older_one_took_words_as_they_are() -> None:
    new = recipe(task="regression", suffix=".png").values()
    assert Options.of(new) == Options(task="regression", suffix=".png")
    old = {name: value for name, value in new.items() if name not in OPTIONS}
    assert Options.of(old) == Options(literal_labels=True)


def test_what_a_source_does_not_have_is_refused() -> None:
    Options().require_none(OF_TABLES, "tables", "photos")
    with pytest.raises(UsageError) as caught:
        Options(label_column="breed").require_none(OF_TABLES, "tables", "photos")
    assert str(caught.value) == "--label-column breed: is for tables, photos is none; leave it out"
