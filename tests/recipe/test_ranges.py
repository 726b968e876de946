"""Ranges of numbers: from the limits of a type to words, and every number that a user sets has one."""

from __future__ import annotations

import importlib
import math
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt

from onestop.errors import UsageError
from onestop.flags import Option, options_of
from onestop.recipe.ranges import number_in, range_of
from onestop.recipe.schema import FIELDS, check_setting, check_value, field_types
from onestop.verbs import VERBS


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, Ge(0), Le(7)], "from 0 to 7"),
        (Annotated[int, Gt(0), Le(2**14)], "from 1 to 16,384"),
        (Annotated[Annotated[int, Ge(0), Le(10**9)], Le(5)], "from 0 to 5"),
        (Annotated[int, Gt(0), Le(9)] | None, "from 1 to 9"),
        (Annotated[float, Gt(0), Le(1)], "above 0 and at most 1"),
        (Annotated[float, Ge(0), Lt(1)], "at least 0 and below 1"),
        (Annotated[float, Ge(0.5)], "at least 0.5"),
        (int, ""),
    ],
)
def test_limits_of_a_type_become_words(kind: Any, words: str) -> None:
    assert str(range_of(kind)) == words


def test_numbers_are_told_from_other_values() -> None:
    assert number_in(Annotated[int, Ge(0)] | None) is int
    assert number_in(float) is float
    assert number_in(Literal[1, 3]) is None
    assert number_in(bool | None) is None
    assert number_in(str) is None


NUMBERS = [name for name in FIELDS if number_in(field_types()[name])]


def number_options() -> list[tuple[str, Option]]:
    modules = {verb: importlib.import_module(f"onestop.verbs.{verb}") for verb in VERBS}
    return [
        (verb, option)
        for verb, module in modules.items()
        for option in options_of(getattr(module, verb))
        if number_in(option.kind)
    ]


def test_every_number_of_every_verb_has_a_range() -> None:
    options = number_options()
    assert {"epochs", "top", "depth"} <= {option.name for _, option in options}
    for verb, option in options:
        limits = range_of(option.kind)
        assert math.isfinite(limits.low), f"{verb} {option.flag}"
        assert math.isfinite(limits.high), f"{verb} {option.flag}"


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, 10**30, "2147483648000", -(2**63), "1e400", "9" * 5000])
def test_a_number_beyond_all_reason_is_refused_in_one_line(name: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        check_setting(name, value)
    message = str(caught.value)
    assert message.startswith(f"--{name.replace('_', '-')} ")
    assert len(message) < 200
    assert "\n" not in message


def test_the_message_states_the_range() -> None:
    with pytest.raises(UsageError, match=r"^--threads 100000: must be from 1 to 1,024$"):
        check_setting("threads", 100000)
    with pytest.raises(UsageError, match=r"^--image-size 2147483648: must be from 1 to 16,384$"):
        check_setting("image_size", "2147483648")
    with pytest.raises(UsageError, match=r"^--momentum 1.5: must be at least 0 and below 1$"):
        check_setting("momentum", 1.5)
    for verb, option in number_options():
        if verb != "train":
            with pytest.raises(UsageError, match=r"must be (from|above|at least)"):
                check_value(option.kind, 10**12, option.place)
