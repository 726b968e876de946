"""A module named like a task is what reports say of it; without one, what they say of any."""

from __future__ import annotations

import pkgutil

import onestop.reporting.tasks
from onestop.reporting.task_report import TaskReport
from onestop.reporting.tasks import report_of
from onestop.tasks import TASKS


def test_each_module_is_named_like_a_task_and_has_a_report() -> None:
    names = {module.name for module in pkgutil.iter_modules(onestop.reporting.tasks.__path__)}
    assert {"classification", "regression"} <= names <= TASKS.keys()
    for name in names:
        assert type(report_of(name)) is not TaskReport
        assert isinstance(report_of(name), TaskReport)


def test_a_task_without_a_module_gets_the_general_report() -> None:
    assert type(report_of("zzz")) is TaskReport
