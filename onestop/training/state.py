"""What a step reads and changes, and how far a run is."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from onestop.networks.freezing import Freezing
from onestop.optim.ema import MovingAverage


@dataclass
class Progress:
    """How far a run is.

    `epoch` and `step` count what is finished; `loss_sum`, `hits` and `seen` are the sums of the
    epoch under way.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    stopped_early: bool = False
    seen: int = 0
    loss_sum: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    hits: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))

    def place(self, device: torch.device) -> None:
        """Keep the sums where the losses are found, so that adding to them waits for nothing."""
        if device.type == "cuda":
            self.loss_sum, self.hits = self.loss_sum.to(device), self.hits.to(device)

    def finished(self, epochs: int) -> bool:
        """Whether nothing is left to do of a run of so many epochs."""
        return self.epoch >= epochs or self.stopped_early


@dataclass
class Training:
    """What a step reads and changes."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None = None
    scaler: torch.amp.GradScaler | None = None
    freezing: Freezing | None = None
    progress: Progress = field(default_factory=Progress)

    @property
    def scored(self) -> nn.Module:
        """The network to evaluate and keep: the average where there is one."""
        return self.average.network if self.average else self.network
