"""Building networks whose parameters have shapes and no values, which takes neither time nor memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from onestop.errors import UsageError
from onestop.networks import build
from onestop.networks.catalog import Entry

_Found = TypeVar("_Found")


def look(
    entry: Entry, arguments: tuple[int, int, int], at: Callable[[nn.Module], _Found]
) -> tuple[nn.Module, _Found] | None:
    """A network without values and what `at` finds there, in the first way in which both work.

    What works for building may still fail in running. None where no way works (what is wrong shows
    best where there are values), and of a user's own network, since building it runs their code.

    Args:
        entry: The network.
        arguments: Classes, channels and image size.
        at: Looks at the network; a `UsageError` says that this way does not work.
    """
    ways: tuple[AbstractContextManager[Any], ...] = (torch.device("meta"), LayersOnly())
    for without_values in () if entry.users else ways:
        try:
            with without_values:
                network = build(entry.name, *arguments)
        except (RuntimeError, TypeError, ValueError, UsageError):
            continue
        try:
            return network, at(network)
        except UsageError:
            continue
    return None


class LayersOnly(TorchFunctionMode):
    """Within it what layers are made of has shapes only; everything else has values as usual.

    For the few networks that compute with values while they are built, such as torchvision's
    RegNets. `torch.device("meta")`, which takes all values away, is too much for these.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones):
            kwargs["device"] = "meta"
        return func(*args, **kwargs)
