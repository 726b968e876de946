"""What a step reads and changes, and how far a run is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from onestop.networks.freezing import Freezing
from onestop.optim.ema import MovingAverage


@dataclass
class Progress:
    """How far a run is.

    `epoch` and `step` count what is finished; `loss_sum`, `seen` and `sums` (by metric, see
    `onestop.tasks.task.Loss`) are of the epoch under way.
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
    sums: dict[str, Tensor] = field(default_factory=dict)

    def place(self, device: torch.device) -> None:
        """Keep the sums where the losses are found, so that adding to them waits for nothing."""
        if device.type == "cuda":
            self.loss_sum = self.loss_sum.to(device)
            self.sums = {name: total.to(device) for name, total in self.sums.items()}

    def add(self, sums: Mapping[str, Tensor]) -> None:
        """Add the sums of a batch, in 64 bits."""
        for name, value in sums.items():
            if name not in self.sums:
                kind = torch.float64 if value.is_floating_point() else torch.int64
                self.sums[name] = torch.zeros((), dtype=kind, device=self.loss_sum.device)
            self.sums[name] += value.detach().to(self.loss_sum.device)

    def begin_epoch(self) -> None:
        """Set the sums of an epoch to zero."""
        self.seen = 0
        for total in (self.loss_sum, *self.sums.values()):
            total.zero_()

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
