"""Import torchvision without torch's compiler, which takes longer to import than torchvision itself.

An operator for detection (`torchvision/ops/roi_align.py`) imports a function of `torch._dynamo`, and
with it two seconds' worth of modules, to check whether it can be compiled. It does not run at
start-up, so that import is deferred until it does.
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
    """Within this context, importing torchvision does not import torch's compiler.

    Any other use of the compiler imports it as usual, now or later.
    """
    if not any(name in sys.modules for name in _COMPILER):
        sys.modules.update({name: _Later(name) for name in _COMPILER})
    try:
        yield
    finally:
        _forget()


class _Later(ModuleType):
    """Stands in for a module until one of its attributes is used."""

    def __getattr__(self, name: str) -> Any:
        if name == "is_compile_supported":
            return _is_compile_supported
        if name.startswith("__"):  # Python's import system reads these of every module
            raise AttributeError(name)
        _forget()
        return getattr(importlib.import_module(self.__name__), name)


def _forget() -> None:
    for name in _COMPILER:
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]


def _is_compile_supported(device_type: str) -> bool:
    """`torch._dynamo.utils.is_compile_supported`, imported when it is called."""
    utils = importlib.import_module("torch._dynamo.utils")
    return bool(utils.is_compile_supported(device_type))
