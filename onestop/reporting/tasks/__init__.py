"""What reports say of single tasks: modules named like the tasks, each with a `REPORT`."""

from __future__ import annotations

import importlib
import pkgutil

from onestop.reporting.task_report import TaskReport


def report_of(task: str) -> TaskReport:
    """What there is to say of a task, by its name: its own module if there is one."""
    if task not in {module.name for module in pkgutil.iter_modules(__path__)}:
        return TaskReport()
    report: TaskReport = importlib.import_module(f"{__name__}.{task}").REPORT
    return report
