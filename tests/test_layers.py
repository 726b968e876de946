"""Imports point downwards only; `docs/architecture.md` shows the same picture."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import onestop

PACKAGE = Path(__file__).parent.parent / "onestop"

# From the bottom up. Rooms of one level never import each other, except in a staircase (True): there
# each may use those before it.
LAYERS: list[tuple[str, bool, tuple[str, ...]]] = [
    ("words", True, ("version", "text", "errors", "reading", "images", "metrics", "recipe")),
    ("ground", True, ("runtime", "optim")),
    ("parts", True, ("data", "networks", "figures")),
    ("kinds", True, ("tasks", "storage", "weights", "linting")),
    ("inference", False, ("inference",)),
    ("work", True, ("training", "explaining", "results")),
    ("faces", True, ("display", "tracking", "reporting")),
    ("jobs", False, ("jobs",)),
    ("verbs", False, ("verbs",)),
    ("top", True, ("flags", "cli", "__init__", "__main__")),
]
LONGEST_CHAIN = 13  # modules in the longest chain of imports; only ever lowered
MOST_HOPS = 5  # from the first to the last file of the README's spine
MOST_IN_ROOT = 8  # files in the package's root
PLACE = {
    room: (level, step if staircase else 0)
    for level, (_, staircase, rooms) in enumerate(LAYERS)
    for step, room in enumerate(rooms)
}
HEAVY = {"torch", "torchvision", "sklearn", "matplotlib", "scipy"}
TORCHLESS = ("images", "metrics", "reading", "recipe", "errors", "text", "version")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


class Statement(NamedTuple):
    """An import, and whether it waits until a function is called."""

    node: ast.Import | ast.ImportFrom
    deferred: bool


@functools.cache
def statements(path: Path) -> list[Statement]:
    """The imports of a file, those for type checkers alone left out."""
    return list(_statements(ast.parse(path.read_text(encoding="utf-8")), deferred=False))


def _statements(parent: ast.AST, *, deferred: bool) -> Iterator[Statement]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield Statement(node, deferred)
        elif isinstance(node, ast.expr) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ):
            continue
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _statements(node, deferred=deferred or inside)


def imports(path: Path, *, only_at_top: bool = False) -> list[tuple[int, str]]:
    """Line and full name of each module imported, those for type checkers alone left out."""
    found: list[tuple[int, str]] = []
    for node, deferred in statements(path):
        if deferred and only_at_top:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        else:
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


@functools.cache
def graph() -> dict[str, set[str]]:
    """Each module with the modules of the package that it imports, deferred imports included."""
    modules = {module_name(path): path for path in FILES}
    edges: dict[str, set[str]] = {}
    for name, path in modules.items():
        named = names_imported(path)
        targets = {n if n in modules else n.rpartition(".")[0] for n in named}
        edges[name] = {target for target in targets if target in modules and target != name}
    return edges


def module_name(path: Path) -> str:
    parts = ("onestop", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_imported(path: Path) -> set[str]:
    """Full names that might be modules: of `from a import b` both `a.b`."""
    found: set[str] = set()
    for node, _ in statements(path):
        if isinstance(node, ast.Import):
            found |= {f"{alias.name}." for alias in node.names}
        elif node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removesuffix(".") for name in found}


def longest_chain(edges: dict[str, set[str]]) -> list[str]:
    @functools.cache
    def chain(name: str) -> tuple[str, ...]:
        return (name, *longest(edges[name]))

    def longest(names: Iterable[str]) -> tuple[str, ...]:
        chains = [chain(name) for name in names]
        return max(chains, key=len, default=())

    return list(longest(edges))


def test_the_longest_chain_of_imports_grows_no_longer() -> None:
    """What must be understood before a module can be: printed, so that one sees what to shorten."""
    edges = graph()
    top = {"onestop", "onestop.cli", "onestop.__main__", "onestop.flags"}
    chain = longest_chain({k: v - top for k, v in edges.items() if k not in top})
    print(f"\n{len(edges)} modules, longest chain {len(chain)}:", " -> ".join(chain))
    assert len(chain) <= LONGEST_CHAIN


def spine() -> list[str]:
    """The files that the README tells a newcomer to read first, in order."""
    text = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Read this first")[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. \[[^]]*\]\((onestop/[^)]+\.py)\)", section, re.MULTILINE)


def test_the_readmes_spine_is_a_chain_of_imports() -> None:
    files, edges = spine(), graph()
    assert 3 <= len(files) <= MOST_HOPS + 1, "found, and short"
    modules = [module_name(PACKAGE.parent / file) for file in files]
    broken = [(a, b) for a, b in itertools.pairwise(modules) if b not in edges[a]]
    assert broken == []


def test_the_root_holds_few_files() -> None:
    assert len([path for path in FILES if path.parent == PACKAGE]) <= MOST_IN_ROOT


def test_no_package_bears_the_name_of_a_public_function() -> None:
    """`import onestop.models` would otherwise hide the function `onestop.models`."""
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    planned = {"export", "serve", "tune"}
    assert not rooms & ({*onestop.__all__} | planned)


@pytest.mark.parametrize("room", TORCHLESS)
def test_rooms_without_torch(room: str) -> None:
    for path in FILES:
        if room_of(path) == room:
            for line, name in imports(path):
                assert name.split(".")[0] not in {"torch", "torchvision"}, f"{path}:{line}"


@pytest.mark.parametrize("room", ["words", "top"])
def test_words_and_command_line_do_not_wait_for_heavy_imports(room: str) -> None:
    rooms = next(rooms for name, _, rooms in LAYERS if name == room)
    paths = [path for path in FILES if room_of(path) in (*rooms, "verbs")]
    for path in paths:
        for line, name in imports(path, only_at_top=True):
            assert name.split(".")[0] not in HEAVY, f"{path}:{line} imports {name} at the top"
