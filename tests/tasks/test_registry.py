"""Tasks by their names, and what a file that names none is for."""

from __future__ import annotations

import pytest

from onestop.errors import ModelFileError
from onestop.tasks import TASKS, Classification, Regression, implied_task, make_task


def test_every_task_is_registered_under_its_name() -> None:
    assert {name: task.name for name, task in TASKS.items()} == {name: name for name in TASKS}
    assert {"classification", "regression"} <= TASKS.keys()


def test_class_names_imply_classification() -> None:
    assert implied_task(["a", "b"]) == "classification"
    assert implied_task([]) == "regression"


def test_a_task_is_made_from_what_a_model_file_says() -> None:
    task = make_task("classification", ["a", "b"], {})
    assert isinstance(task, Classification)
    assert task.names == ("a", "b")
    assert isinstance(make_task("regression", (), {}), Regression)


def test_an_unknown_task_is_named_and_the_known_ones_too() -> None:
    with pytest.raises(
        ModelFileError, match=r"'poses' is not known to this version .*classification"
    ):
        make_task("poses", ["a"], {})


@pytest.mark.parametrize(
    "options", [{"thresholds": [0.5]}, {"label_smoothing": 0.1}, {"self": 1}, {"names": ["c"]}]
)
def test_options_that_the_task_does_not_store_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ModelFileError, match="cannot be set of its task 'classification'"):
        make_task("classification", ["a", "b"], options)
