"""Labels as the targets of a task."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.data.sources.as_task import READERS, Labels, check_task, read_labels
from onestop.data.sources.builtin import open_named
from onestop.data.sources.for_task import for_task
from onestop.errors import DataError, UsageError
from onestop.tasks import TASKS


def labels(*sets: tuple[str, ...], for_training: bool = True) -> Labels:
    return Labels(
        {"train": list(sets)}, lambda split, k: f"t.csv:{k + 2} ({split})", "t.csv",
        for_training=for_training,
    )  # fmt: skip


def test_labels_can_be_read_for_every_task() -> None:
    assert READERS.keys() == TASKS.keys()


def test_classes() -> None:
    targets = read_labels(labels(("b",), ("a",), ("b",)), "classification")["train"]
    assert (targets.task, targets.names, targets.values.tolist()) == (
        "classification", ("a", "b"), [1, 0, 1],
    )  # fmt: skip
    many = labels(*((str(number),) for number in range(30)))  # a person said that they are classes
    assert len(read_labels(many, "classification")["train"].names) == 30


def test_numbers() -> None:
    targets = read_labels(labels(("1",), ("-2.5",), ("1e3",)), "regression")["train"]
    assert (targets.task, targets.names, targets.values.tolist()) == (
        "regression",
        (),
        [1, -2.5, 1000],
    )


def test_sets() -> None:
    targets = read_labels(labels(("b",), (), ("a", "b")), "multilabel")["train"]
    assert (targets.task, targets.names) == ("multilabel", ("a", "b"))
    assert targets.values.tolist() == [[False, True], [False, False], [True, True]]


@pytest.mark.parametrize(
    ("sets", "task", "message"),
    [
        (
            (("1",), ("old",)),
            "regression",
            "t.csv:3 (train): label 'old' is not a number; correct it",
        ),
        ((("1",), ("inf",)), "regression", "t.csv:3 (train): label 'inf' is not a number"),
        ((("1",), ("nan",)), "regression", "t.csv:3 (train): label 'nan' is not a number"),
        ((("1", "2"),), "regression", "t.csv:2 (train): has 1, 2, and one number is wanted"),
        ((("a",), ()), "classification", "t.csv:3 (train): has no label, and one class is wanted"),
        ((("a",), ("a",)), "classification", "t.csv: has only the class 'a'"),
    ],
)
def test_a_label_that_does_not_fit_is_refused_with_its_place(
    sets: tuple[tuple[str, ...], ...], task: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        read_labels(labels(*sets), task)
    assert str(caught.value).startswith(message)


def test_an_unknown_task_is_refused_with_those_that_are_known() -> None:
    check_task(None)
    check_task("regression")
    with pytest.raises(UsageError, match="--task regress: no such task; did you mean 'regression'"):
        check_task("regress")
    with pytest.raises(
        UsageError, match="--task x: no such task; there are classification, regression"
    ):
        check_task("x")


def test_a_data_set_is_read_anew() -> None:
    digits = open_named("digits", None)  # type: ignore[arg-type]
    assert for_task(digits, None) is for_task(digits, "classification") is digits
    numbers = for_task(digits, "regression")
    assert numbers.task == "regression"
    np.testing.assert_array_equal(
        np.asarray(numbers.splits["test"].targets), np.asarray(digits.splits["test"].targets)
    )
