"""Linear regression, y = w x + b.

Legend: B samples in a batch, F features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """One weight per feature and one bias, drawn from a standard normal."""

    def __init__(self, classes: int, channels: int) -> None:
        """`channels` is the number of features F; `classes` must be 1, for one predicted number."""
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels))  # [F]
        self.bias = nn.Parameter(torch.randn(classes))  # [1]

    def forward(self, x: Tensor) -> Tensor:
        """[B, F] -> [B, 1]."""
        return (x * self.weight).sum(-1, keepdim=True) + self.bias
