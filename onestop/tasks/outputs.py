"""What networks give in training: logits alone, or beside them those of auxiliary classifiers.

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
    """The logits [B, K] of what a network gives in training: a tensor, or a named tuple with them."""
    logits: Tensor = outputs if isinstance(outputs, Tensor) else outputs.logits
    return logits


def own_loss(outputs: Any) -> Callable[[Tensor], Tensor] | None:
    """The loss that outputs bring themselves, from class numbers (the capsule network's do)."""
    return None if isinstance(outputs, Tensor) else getattr(outputs, "loss", None)


def with_auxiliary(outputs: Any, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """A loss of logits, and the same of auxiliary classifiers (GoogLeNet, Inception v3) if any."""
    total = loss(logits_of(outputs))
    if not isinstance(outputs, Tensor):
        for name, weight in _AUXILIARY.items():
            auxiliary = getattr(outputs, name, None)
            if auxiliary is not None:
                total = total + weight * loss(auxiliary)
    return total
