"""Building networks on the meta device: parameters have shapes but no values, at no cost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from onestop.errors import ArchitectureError

_Result = TypeVar("_Result")


def build_on_meta(
    build: Callable[[], nn.Module], inspect: Callable[[nn.Module], _Result]
) -> tuple[nn.Module, _Result] | None:
    """A network without values and the result of `inspect`, by the first method that works.

    A network that can be built may still fail to run. None if no method works; then build it with
    values, which gives the best error message.

    Args:
        build: Builds the network; called once per method.
        inspect: Inspects the network; an `ArchitectureError` means that this method does not work.
    """
    methods: tuple[AbstractContextManager[Any], ...] = (torch.device("meta"), LayersOnly())
    for without_values in methods:
        try:
            with without_values:
                network = build()
        except (RuntimeError, TypeError, ValueError, ArchitectureError):
            continue
        try:
            return network, inspect(network)
        except ArchitectureError:
            continue
    return None


class LayersOnly(TorchFunctionMode):
    """While active, parameters are created on the meta device, but other tensors have values.

    For the few networks that compute with values while they are built, such as torchvision's RegNets,
    for which `torch.device("meta")` does not work.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones):
            kwargs["device"] = "meta"
        return func(*args, **kwargs)
