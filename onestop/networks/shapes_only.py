"""Building networks whose parameters have shapes and no values, which takes neither time nor memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from onestop.errors import UsageError
from onestop.networks import build
from onestop.networks.catalog import Entry


def build_ways(entry: Entry, *arguments: int) -> Iterator[nn.Module]:
    """A network without values, built in each of the ways there are; may be none.

    What works for building may still fail in running, so that the next way has to be tried.

    Args:
        entry: The network; a user's own is left alone, since building it runs their code.
        arguments: Classes, channels and image size.
    """
    ways: tuple[AbstractContextManager[Any], ...] = (torch.device("meta"), LayersOnly())
    for without_values in ways if entry.origin not in ("file", "python") else ():
        try:
            with without_values:
                network = build(entry.name, *arguments)
        except (RuntimeError, TypeError, ValueError, UsageError):
            continue  # what is wrong shows best where there are values
        yield network


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
