"""One list of classes for all splits, by name."""

from __future__ import annotations

import pytest

from onestop.data.sources.labels import class_list, numbered, oddities
from onestop.errors import DataError


def test_the_classes_are_those_of_training_sorted() -> None:
    names = {"val": ["b"], "train": ["c", "a", "b", "a"]}
    assert class_list(names, "source") == ("a", "b", "c")


def test_a_class_that_training_lacks_is_named_with_its_split() -> None:
    with pytest.raises(
        DataError, match="source: split 'val' has 2 classes that 'train' lacks: x, y"
    ):
        class_list({"train": ["a", "b"], "val": ["y", "a", "x", "y"]}, "source")


@pytest.mark.parametrize(("labels", "have"), [(["a", "a"], "only the class 'a'"), ([], "no class")])
def test_training_needs_two_classes(labels: list[str], have: str) -> None:
    with pytest.raises(DataError, match=have):
        class_list({"train": labels}, "source")


def test_without_training_any_classes_will_do() -> None:
    assert class_list({"test": ["b"], "val": ["a"]}, "source", for_training=False) == ("a", "b")
    assert class_list({}, "source", for_training=False) == ()


def test_numbers_are_places_in_the_list() -> None:
    targets = numbered(["b", "a", "b"], ("a", "b"))
    assert (targets.names, targets.strata().tolist()) == (("a", "b"), [1, 0, 1])
    assert len(numbered([], ("a", "b"))) == 0


def test_what_a_split_lacks_and_what_differs_in_case_is_said() -> None:
    notes = oddities({"train": ["Ant", "ant", "bee"], "val": ["bee"]}, ("Ant", "ant", "bee"))
    assert notes == [
        "split 'val' has no images of Ant, ant",
        "classes Ant, ant differ only in case",
    ]
    assert oddities({"train": ["a", "b"]}, ("a", "b")) == []
