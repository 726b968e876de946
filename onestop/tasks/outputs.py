"""Outputs of networks in training: logits, perhaps with those of auxiliary classifiers, or a loss.

Legend: B images of a batch, K outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

_AUXILIARY = {"aux_logits": 0.4, "aux_logits1": 0.3, "aux_logits2": 0.3}
"""Weight of the auxiliary classifiers' losses: 0.3 in GoogLeNet (Szegedy et al. 2015, section 5),
0.4 in Inception v3 as torchvision trains it."""


def logits_of(outputs: Any) -> Tensor:
    """The logits [B, K] in the outputs of a network: a tensor, or a named tuple with them."""
    logits: Tensor = outputs if isinstance(outputs, Tensor) else outputs.logits
    return logits


def own_loss(outputs: Any) -> Callable[[Tensor], Tensor] | None:
    """The loss function of outputs that have their own, as a capsule network's; takes class numbers."""
    return None if isinstance(outputs, Tensor) else getattr(outputs, "loss", None)


def with_auxiliary(outputs: Any, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """The loss of the logits plus the weighted losses of auxiliary classifiers, if there are any."""
    total = loss(logits_of(outputs))
    if not isinstance(outputs, Tensor):
        for name, weight in _AUXILIARY.items():
            auxiliary = getattr(outputs, name, None)
            if auxiliary is not None:
                total = total + weight * loss(auxiliary)
    return total
