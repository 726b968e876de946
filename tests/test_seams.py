"""Nobody asks which task it is: a new task, target or kind of input is a new file, not a branch.

Outside `onestop/tasks` and the modules that are named like a task, no code asks for the class of a
task, of targets, of samples or of a preprocessing, nor knows a task by its name, nor asks whether
there are classes. What still does stands here, with the reason.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable, Iterator

import pytest

from onestop.tasks import TASKS
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "onestop"
FAMILIES = ("Task", "Targets", "Samples", "Preprocessing")
"""Classes with a subclass per task or kind of input."""
CLASSES = {
    "data/sources/label_sets.py": "a note is for data with several labels per image only",
    "data/decoded.py": "what is known to be a preprocessing of images is called so, for its type",
    "data/pixels.py": "... likewise, since only images have random parts",
    "training/plan.py": "weights to start from bring the values of a preprocessing of images",
}
"""Modules that ask for a class of such a family."""
NAMED = {
    "data/multihot.py": "targets name the task that learns from them",
    "data/dataset.py": "the task of a description of data that is written by hand, in tests",
    "data/targets.py": "targets name the task that learns from them",
    "inference/from_network.py": "published weights are of classifiers, and do not say so",
    "storage/run_info.py": "runs and models from before there was a name for the task",
}
"""Modules in which the name of a task stands."""
COUNTED = {
    "data/splits.py": "groups are divided by class where there are any",
    "display/printing.py": "a table without rows is not printed",
    "linting/copies.py": "copies under two names contradict each other, two measurements need not",
    "linting/findings.py": "an image without classes is described without one",
}
"""Modules that ask whether there are classes."""


def outside() -> dict[str, ast.Module]:
    """The modules that must not know the tasks."""
    paths = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
    known = [p for p in paths if p.parts[0] != "tasks" and not p.stem.startswith(tuple(TASKS))]
    return {p.as_posix(): ast.parse((PACKAGE / p).read_text(encoding="utf-8")) for p in known}


MODULES = outside()


def called(node: ast.expr) -> str:
    """The last part of a dotted name; empty for anything else."""
    return getattr(node, "attr", getattr(node, "id", ""))


@functools.cache
def families() -> frozenset[str]:
    """The names of all classes of the families."""
    classes = [
        node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    names, before = set(FAMILIES), 0
    while len(names) > before:
        before = len(names)
        for node in classes:
            bases = {called(getattr(base, "value", base)) for base in node.bases}
            bases |= {called(base) for base in node.bases}
            if bases & names:
                names.add(node.name)
    return frozenset(names)


def asked_for_class(tree: ast.Module) -> Iterator[ast.AST]:
    """`isinstance(x, Numbers)`, `type(x) is Numbers`, and imports of a single task's class."""
    kinds = families()
    single = {task.__name__ for task in TASKS.values()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node.func) in ("isinstance", "issubclass"):
            if {called(n) for n in ast.walk(node.args[1]) if isinstance(n, ast.expr)} & kinds:
                yield node
        elif isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            if any(isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq) for op in node.ops) and (
                {called(side) for side in sides} & kinds
            ):
                yield node
        elif isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & single:
            yield node


def names_of_tasks(tree: ast.Module) -> Iterator[ast.AST]:
    """Texts that are the name of a task, wherever they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in TASKS:
            yield node


def truths(tree: ast.Module) -> Iterator[ast.expr]:
    """What code asks to be true or not: conditions and their parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.comprehension):
            yield from node.ifs
        elif isinstance(node, ast.BoolOp):
            yield from node.values
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.operand
        elif isinstance(node, ast.Call) and called(node.func) == "bool":
            yield from node.args


def asked_for_classes(tree: ast.Module) -> Iterator[ast.AST]:
    """`if dataset.classes`, `not targets.names` and the like."""
    for node in truths(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("classes", "names"):
            yield node


def places(rule: Callable[[ast.Module], Iterator[ast.AST]], allowed: Iterable[str]) -> list[str]:
    """Where a rule is broken, but for the modules that may."""
    return [
        f"onestop/{module}:{getattr(node, 'lineno', 0)} {ast.unparse(node)}"
        for module, tree in MODULES.items()
        if module not in allowed
        for node in rule(tree)
    ]


def test_nobody_asks_for_the_class_of_a_task_or_of_targets() -> None:
    assert places(asked_for_class, CLASSES) == []


def test_nobody_knows_a_task_by_its_name() -> None:
    assert places(names_of_tasks, NAMED) == []


def test_nobody_asks_whether_there_are_classes() -> None:
    assert places(asked_for_classes, COUNTED) == []


def test_no_exception_is_longer_needed_than_it_is() -> None:
    unneeded = [name for name in CLASSES if not list(asked_for_class(MODULES[name]))]
    unneeded += [name for name in NAMED if not list(names_of_tasks(MODULES[name]))]
    unneeded += [name for name in COUNTED if not list(asked_for_classes(MODULES[name]))]
    assert unneeded == []


def test_the_families_are_found() -> None:
    assert {task.__name__ for task in TASKS.values()} <= families()
    wanted = {"Classes", "Numbers", "FileSamples", "ArraySamples", "ImagePreprocessing"}
    assert wanted <= families()


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("isinstance(task, Classification)", asked_for_class),
        ("isinstance(targets, (int, Numbers))", asked_for_class),
        ("type(x.preprocessing) is ImagePreprocessing", asked_for_class),
        ("from onestop.tasks import Regression", asked_for_class),
        ("card.task == 'classification'", names_of_tasks),
        ("if dataset.classes: pass", asked_for_classes),
        ("x = 1 if not run.names else 2", asked_for_classes),
        ("[x for x in xs if x and found.classes]", asked_for_classes),
        ("assert bool(dataset.classes)", asked_for_classes),
    ],
)
def test_each_way_to_ask_is_found(code: str, rule: object) -> None:
    assert callable(rule)
    assert len(list(rule(ast.parse(code)))) >= 1


@pytest.mark.parametrize(
    "code", ["len(dataset.classes)", "for name in found.classes: pass", "isinstance(x, int)"]
)
def test_what_asks_for_nothing_is_let_be(code: str) -> None:
    for rule in (asked_for_class, names_of_tasks, asked_for_classes):
        assert list(rule(ast.parse(code))) == []
