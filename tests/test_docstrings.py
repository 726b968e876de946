"""A public method has a docstring where it is declared; one that overrides it needs none."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import onestop


def classes() -> Iterator[type]:
    """The public classes of the package, those in public classes included."""
    for info in pkgutil.walk_packages(onestop.__path__, "onestop."):
        if info.name == "onestop.__main__":
            continue
        for value in vars(importlib.import_module(info.name)).values():
            if inspect.isclass(value) and value.__module__ == info.name:
                yield from _with_inner(value)


def _with_inner(kind: type) -> Iterator[type]:
    if kind.__name__.startswith("_"):
        return
    yield kind
    for inner in vars(kind).values():
        if inspect.isclass(inner) and inner.__qualname__.startswith(f"{kind.__qualname__}."):
            yield from _with_inner(inner)


def undescribed(kind: type) -> Iterator[str]:
    """Public methods and properties that neither override one nor have a docstring."""
    for name, method in vars(kind).items():
        is_method = callable(method) or hasattr(method, "__get__")
        if name.startswith("_") or not is_method or inspect.isclass(method):
            continue
        if inspect.ismemberdescriptor(method) or any(
            hasattr(base, name) for base in kind.mro()[1:]
        ):
            continue
        if not method.__doc__:
            yield f"{kind.__module__}.{kind.__qualname__}.{name}"


def test_methods_that_override_nothing_have_a_docstring() -> None:
    assert [name for kind in classes() for name in undescribed(kind)] == []


def test_what_the_rule_finds() -> None:
    class Base:
        def told(self) -> None:
            """Does something."""

        @property
        def bare(self) -> int:
            return 1

    class Other(Base):
        def told(self) -> None: ...

        @staticmethod
        def new() -> None: ...

    assert [name.rpartition(".")[2] for name in undescribed(Base)] == ["bare"]
    assert [name.rpartition(".")[2] for name in undescribed(Other)] == ["new"]
