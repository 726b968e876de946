"""Reports of individual tasks: modules with the names of tasks, each with a `REPORT`."""

from __future__ import annotations

import importlib
import pkgutil

from onestop.reporting.task_report import TaskReport


def report_of(task: str) -> TaskReport:
    """The report of a task, by its name: from its own module if there is one."""
    if task not in {module.name for module in pkgutil.iter_modules(__path__)}:
        return TaskReport()
    report: TaskReport = importlib.import_module(f"{__name__}.{task}").REPORT
    return report
