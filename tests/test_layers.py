"""Imports point downwards only; `docs/architecture.md` shows the same picture."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "onestop"

# From the bottom up. Rooms of one inner tuple never import each other, except where the tuple is
# marked as a staircase: there each may use those before it.
LAYERS: list[tuple[str, bool, tuple[str, ...]]] = [
    ("words", True, ("version", "errors", "recipe", "config")),
    (
        "ground",
        False,
        ("allocator", "device", "imports", "memory", "randomness", "run_folder", "signals"),
    ),
    ("parts", False, ("data", "networks", "learning", "metrics")),
    (
        "joints",
        True,
        (
            "figures",
            "linting",
            "tasks",
            "checkpoints",
            "sealed",
            "modelfile",
            "state",
            "inference",
            "loading",
            "explaining",
            "judging",
            "results",
            "defaults",
            "shortcut",
            "compiling",
            "loop",
            "planning",
            "assembly",
            "saving",
            "fitting",
        ),
    ),
    ("faces", True, ("display", "tracking", "reporting")),
    ("running", False, ("running", "rehearsal")),
    ("verbs", False, ("verbs",)),
    ("top", True, ("flags", "cli", "__init__", "__main__")),
]
PLACE = {
    room: (level, step if staircase else 0)
    for level, (_, staircase, rooms) in enumerate(LAYERS)
    for step, room in enumerate(rooms)
}
HEAVY = {"torch", "torchvision", "sklearn", "matplotlib", "scipy"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, only_at_top: bool = False) -> list[tuple[int, str]]:
    """Line and full name of each module imported, those for type checkers alone left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        or (only_at_top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import in full"
            found.append((node.lineno, node.module or ""))
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    here = room_of(path)
    assert here in PLACE, f"{here} has no place in LAYERS yet"
    for line, name in imports(path):
        if not name.startswith("onestop."):
            continue
        there = name.split(".")[1]
        if there != here:
            assert PLACE[there] < PLACE[here], f"{path}:{line} imports {name} upwards"
            same_level = PLACE[there][0] == PLACE[here][0]
            assert not same_level or LAYERS[PLACE[here][0]][1], (
                f"{path}:{line} imports {name} aside"
            )


def test_verbs_do_not_import_each_other() -> None:
    for path in (PACKAGE / "verbs").glob("*.py"):
        for line, name in imports(path):
            assert not name.startswith("onestop.verbs."), f"{path}:{line} imports {name}"


def test_no_import_cycles_inside_a_room() -> None:
    """Files of one folder import each other in one direction only."""
    graph = {
        ".".join(("onestop", *path.relative_to(PACKAGE).with_suffix("").parts)): {
            name for _, name in imports(path) if name.startswith("onestop")
        }
        for path in FILES
    }

    def reach(start: str, seen: set[str]) -> set[str]:
        for name in graph.get(start, ()):
            if name not in seen:
                seen.add(name)
                reach(name, seen)
        return seen

    for module in graph:
        assert module not in reach(module, set()), f"{module} imports itself in the end"


@pytest.mark.parametrize("room", ["words", "top"])
def test_words_and_command_line_do_not_wait_for_torch(room: str) -> None:
    rooms = next(rooms for name, _, rooms in LAYERS if name == room)
    paths = [path for path in FILES if room_of(path) in (*rooms, "verbs")]
    for path in paths:
        for line, name in imports(path, only_at_top=True):
            assert name.split(".")[0] not in HEAVY, f"{path}:{line} imports {name} at the top"
