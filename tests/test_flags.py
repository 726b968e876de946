"""Flags of a verb: their names, those other tools have for them, and their values."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from typing import Any, Literal

import pytest

import onestop
from onestop.cli import main
from onestop.errors import UsageError
from onestop.flags import options_of, parse
from onestop.recipe.names import ALIASES


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """A function that says what a command line would have called its verb with."""

    def tell(line: str) -> dict[str, Any]:
        verb, *words = shlex.split(line)
        calls: list[dict[str, Any]] = []

        @functools.wraps(getattr(onestop, verb))
        def note(**given: Any) -> None:
            calls.append(given)
            raise UsageError("enough")

        with monkeypatch.context() as patch:
            patch.setattr(f"onestop.verbs.{verb}.{verb}", note)
            assert main([verb, *words]) == 2
        return calls[0] if calls else {}

    return tell


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("photos", "source", "photos"),
        ("--data photos", "source", "photos"),
        ("--data=photos", "source", "photos"),
        ("--source photos", "source", "photos"),
        ("--wd 0.1", "weight_decay", 0.1),
        ("--opt adam", "optimizer", "adam"),
        ("--imgsz 64", "image_size", 64),
        ("--img-size 64", "image_size", 64),
        ("--batch 8", "batch_size", 8),
        ("--batch_size=8", "batch_size", 8),
        ("-b 8", "batch_size", 8),
        ("-b=8", "batch_size", 8),
        ("-e 3", "epochs", 3),
        ("--learning_rate 1e-3", "lr", 0.001),
        ("--learning-rate=0.001", "lr", 0.001),
        ("-j 0", "workers", 0),
        ("--views 4", "cached_augmentations", 4),
        ("--cached-augmentations=4", "cached_augmentations", 4),
        ("--output runs2", "out", "runs2"),
        ("--config a.yaml", "recipe", "a.yaml"),
        ("--nesterov", "nesterov", True),
        ("--no-nesterov", "nesterov", False),
        ("--quiet", "quiet", True),
        ("--epochs auto", "epochs", None),
        ("--epochs 3 -e 4", "epochs", 4),
        ("-- -photos", "source", "-photos"),
        ("--model=net.py:Net=1", "model", "net.py:Net=1"),
    ],
)
def test_other_tools_names_and_forms_are_understood(
    typed: str, name: str, value: object, told: Callable[..., dict[str, Any]]
) -> None:
    assert told(f"train {typed}") == {name: value}


@pytest.mark.parametrize("alias", ALIASES)
def test_every_alias_reaches_its_argument(alias: str, told: Callable[..., dict[str, Any]]) -> None:
    choices = {
        "optimizer": "sgd", "schedule": "step", "normalize": "half", "precision": "fp32",
        "auto_augment": "rand",
    }  # fmt: skip
    value = choices.get(ALIASES[alias], "0.5" if alias == "smoothing" else "1")
    dashes = "-" if len(alias) == 1 else "--"
    assert list(told(f"train {dashes}{alias} {value}")) == [ALIASES[alias]]


def test_nothing_given_is_nothing_passed_on(told: Callable[..., dict[str, Any]]) -> None:
    assert told("train") == {}


def test_a_default_that_is_typed_counts_as_given(told: Callable[..., dict[str, Any]]) -> None:
    assert told("train digits --optimizer sgd --out runs") == {
        "source": "digits", "optimizer": "sgd", "out": "runs",
    }  # fmt: skip


def test_data_is_an_argument_of_its_own_for_evaluate(told: Callable[..., dict[str, Any]]) -> None:
    assert told("evaluate model --data photos --split val") == {
        "model": "model", "data": "photos", "split": "val",
    }  # fmt: skip


def test_several_images_are_one_list(told: Callable[..., dict[str, Any]]) -> None:
    assert told("predict model a.png b.png --top 2 --json") == {
        "model": "model", "images": ["a.png", "b.png"], "top": 2,
    }  # fmt: skip


def test_flags_may_stand_before_between_and_after(told: Callable[..., dict[str, Any]]) -> None:
    expected = {"model": "model", "images": ["a.png"], "top": 2}
    for line in ("--top 2 model a.png", "model --top 2 a.png", "model a.png --top 2"):
        assert told(f"predict {line}") == expected


def verb(
    target: str, size: int | None = None, *, fast: bool = False, way: Literal["a", "b"] = "a"
) -> None:
    """Does something.

    More of it.

    Args:
        target: What it is done
            to.
        size: How large.
        fast: Whether fast.
        way: Which way.
    """


def test_options_are_the_arguments_with_their_texts() -> None:
    target, size, fast, way = options_of(verb)
    assert (target.name, target.text, target.positional, target.required) == (
        "target", "What it is done to.", True, True,
    )  # fmt: skip
    assert (size.flag, size.default, fast.switch, way.default) == ("--size", None, True, "a")
    assert (target.place, way.place) == ("TARGET", "--way")
    assert {option.group for option in (target, size, fast, way)} == {""}


def test_only_what_was_given_is_in_the_values_and_checked() -> None:
    options = options_of(verb)
    assert parse("verb", verb, options, ["x"]) == {"target": "x"}
    assert parse("verb", verb, options, ["--way", "b", "x", "--fast"]) == {
        "target": "x", "fast": True, "way": "b",
    }  # fmt: skip
    with pytest.raises(UsageError, match="--way c"):
        parse("verb", verb, options, ["x", "--way", "c"])
    with pytest.raises(UsageError, match="TARGET"):
        parse("verb", verb, options, [])
    with pytest.raises(UsageError, match="'--fast'"):
        parse("verb", verb, options, ["x", "--fats"])


def test_help_is_printed_and_nothing_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("verb", verb, options_of(verb), ["--help"]) is None
    page = capsys.readouterr().out
    assert "Does something." in page
    assert "--way {a,b}" in page
    assert "default: a" in page
