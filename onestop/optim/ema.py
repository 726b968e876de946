"""A moving average of the weights, which usually scores better than the last weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """Exponential moving average of a network's parameters and buffers.

    The decay at step t is min(decay, (1 + t) / (10 + t)), so that the random initial weights are
    forgotten quickly (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Update with the network after step `step`, counted from 0."""
        keep = min(self.decay, (1 + step) / (10 + step))
        new, old = network.state_dict(), self.network.state_dict()
        floats = [name for name in old if old[name].is_floating_point()]
        torch._foreach_lerp_([old[n] for n in floats], [new[n] for n in floats], 1 - keep)
        for name in old.keys() - set(floats):  # counters
            old[name].copy_(new[name])
