"""Import torchvision without torch's compiler, which takes longer to load than torchvision itself.

One of torchvision's operators for detection (`torchvision/ops/roi_align.py`) imports a function of
`torch._dynamo` to ask, when it runs, whether it could be compiled, and with it two seconds of modules.
Nothing here runs that operator at the start, so the question waits until somebody does.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_COMPILER = ("torch._dynamo", "torch._dynamo.utils")


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """While this is open, importing torchvision does not load torch's compiler.

    Whatever else is asked of the compiler loads it, now or later, as ever.
    """
    if not any(name in sys.modules for name in _COMPILER):
        sys.modules.update({name: _Later(name) for name in _COMPILER})
    try:
        yield
    finally:
        _forget()


class _Later(ModuleType):
    """Stands for a module until something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name == "is_compile_supported":
            return _is_compile_supported
        if name.startswith("__"):  # what Python's import asks of every module
            raise AttributeError(name)
        _forget()
        return getattr(importlib.import_module(self.__name__), name)


def _forget() -> None:
    for name in _COMPILER:
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]


def _is_compile_supported(device_type: str) -> bool:
    """`torch._dynamo.utils.is_compile_supported`, found when it is called."""
    utils = importlib.import_module("torch._dynamo.utils")
    return bool(utils.is_compile_supported(device_type))
