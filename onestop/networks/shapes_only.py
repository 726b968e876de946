"""Building networks whose parameters have shapes and no values, which takes neither time nor memory."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode


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
