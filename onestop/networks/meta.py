"""Building networks on the meta device: parameters with shapes but no values cost no time or memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from onestop.errors import ArchitectureError

_Result = TypeVar("_Result")


def look(
    build: Callable[[], nn.Module], at: Callable[[nn.Module], _Result]
) -> tuple[nn.Module, _Result] | None:
    """A network without values and what `at` finds there, in the first way in which both work.

    A network that can be built in one way may still fail to run. None if no way works; then build it
    with values, which shows best what is wrong.

    Args:
        build: Builds the network; called once per way.
        at: Looks at the network; a `UsageError` means that this way does not work.
    """
    ways: tuple[AbstractContextManager[Any], ...] = (torch.device("meta"), LayersOnly())
    for without_values in ways:
        try:
            with without_values:
                network = build()
        except (RuntimeError, TypeError, ValueError, ArchitectureError):
            continue
        try:
            return network, at(network)
        except ArchitectureError:
            continue
    return None


class LayersOnly(TorchFunctionMode):
    """While active, the tensors that layers are made of have shapes only; all others have values.

    For the few networks that compute with values while they are built, such as torchvision's
    RegNets. `torch.device("meta")`, which leaves no tensor its values, is too much for these.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones):
            kwargs["device"] = "meta"
        return func(*args, **kwargs)
