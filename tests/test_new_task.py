"""A task is new files: nothing else in the package knows about several labels per image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "onestop"
OWN = {
    "data/multihot.py",
    "data/sources/label_sets.py",
    "data/sources/python_labels.py",
    "figures/multilabel.py",
    "metrics/label_pairs.py",
    "metrics/map_intervals.py",
    "metrics/multilabel.py",
    "reporting/labels.py",
    "reporting/tasks/multilabel.py",
    "tasks/labels_meter.py",
    "tasks/labels_prediction.py",
    "tasks/multilabel.py",
}
"""The files of the task."""
AWARE = {
    "data/sources/as_task.py",
    "data/sources/python_targets.py",
    "data/sources/table.py",
    "recipe/groups.py",
    "recipe/other_words.py",
    "tasks/__init__.py",
}
"""Other files that must know about them: where data come from, the list of tasks, the help, the words
of other tools."""
WORDS = re.compile(
    r"multi-?_?(label|hot)(?! Data)|label_(sets|pairs)|python_labels|labels_prediction|map_intervals",
    re.IGNORECASE,
)


def mentions() -> dict[str, list[str]]:
    """The lines that mention the task, by file."""
    lines_of = {
        path.relative_to(PACKAGE).as_posix(): [
            line for line in path.read_text(encoding="utf-8").splitlines() if WORDS.search(line)
        ]
        for path in sorted(PACKAGE.rglob("*"))
        if path.suffix in (".py", ".html")
    }
    return {name: lines for name, lines in lines_of.items() if lines}


def test_few_files_outside_the_task_know_about_it() -> None:
    assert mentions().keys() - OWN <= AWARE


def test_the_list_of_tasks_has_an_import_and_an_entry() -> None:
    assert mentions()["tasks/__init__.py"] == [
        "from onestop.tasks.multilabel import Multilabel",
        "    Multilabel.name: Multilabel,",
    ]


@pytest.mark.parametrize("name", sorted(OWN))
def test_its_files_exist(name: str) -> None:
    assert (PACKAGE / name).is_file()


def test_the_data_do_not_import_the_task() -> None:
    for name in (name for name in OWN if name.startswith("data/")):
        text = Path(PACKAGE / name).read_text(encoding="utf-8")
        assert "onestop.tasks" not in text
