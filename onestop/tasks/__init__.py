"""What changes between telling classes apart and predicting a number; `task_for` chooses."""

from __future__ import annotations

from collections.abc import Sequence

from onestop.tasks.classification import Classification
from onestop.tasks.regression import Regression
from onestop.tasks.task import Task

__all__ = ["Classification", "Regression", "Task", "task_for"]


def task_for(classes: Sequence[str]) -> Task:
    """The task of a data set or model: with class names classification, without regression."""
    return Classification(tuple(classes)) if classes else Regression()
