"""What networks are trained to do: a class per task, and the one place where tasks are registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onestop.errors import ModelFileError
from onestop.metrics.spec import Metric
from onestop.tasks.classification import Classification
from onestop.tasks.detection import Detection
from onestop.tasks.multilabel import Multilabel
from onestop.tasks.prediction import Label, Prediction
from onestop.tasks.regression import Regression
from onestop.tasks.task import Task
from onestop.text import listing

__all__ = [
    "TASKS", "Classification", "Label", "Prediction", "Regression", "Task", "implied_task",
    "known_metrics", "make_task",
]  # fmt: skip

TASKS: dict[str, type[Task[Any]]] = {
    Classification.name: Classification,
    Regression.name: Regression,
    Multilabel.name: Multilabel,
    Detection.name: Detection,
}
"""Every task by its name, as data sets, model files and runs store it."""


def make_task(name: str, names: Sequence[str], options: Mapping[str, Any]) -> Task[Any]:
    """A task as a model file describes it.

    Args:
        name: Of the task.
        names: Classes or labels.
        options: What `Task.options` gave.

    Raises:
        ModelFileError: No such task in this version, or the options are not the task's.
    """
    if name not in TASKS:
        raise ModelFileError(
            f"its task {name!r} is not known to this version of OneStop (which knows "
            f"{listing(TASKS)}); upgrade OneStop"
        )
    try:
        task = TASKS[name](tuple(names), **options)
        odd = options.keys() - task.options().keys()
    except (TypeError, ValueError, KeyError):
        odd = set(options)
    if odd:
        raise ModelFileError(f"{listing(sorted(odd))} cannot be set of its task {name!r} as it is")
    return task


def known_metrics() -> list[Metric]:
    """The metrics of all tasks."""
    return [metric for task in TASKS.values() for metric in task.metrics]


def implied_task(names: Sequence[str]) -> str:
    """The task of a file that does not name it, from before there were others than these two."""
    return (Classification if names else Regression).name
