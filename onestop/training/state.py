"""What a training step reads and changes, and how far a run is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from onestop.errors import NonFiniteLossError
from onestop.metrics import Metrics
from onestop.metrics.spec import Metric
from onestop.networks.freezing import Freezing
from onestop.optim.ema import MovingAverage
from onestop.training.records import Value

if TYPE_CHECKING:
    from onestop.training.running_statistics import RunningStatistics

_CHECK_EVERY = 50  # steps on a GPU between two checks that the loss is still finite


@dataclass(frozen=True)
class Goal:
    """When training ends, and which epoch counts as the best.

    Attributes:
        epochs: How many there are.
        monitor: The validation metric that ranks epochs; of equal ones the lower loss wins.
        patience: Training stops after this many epochs without a better one; 0 is off.
    """

    epochs: int
    monitor: Metric
    patience: int = 0


@dataclass(frozen=True)
class StepResult:
    """What a step computed.

    Attributes:
        loss: Mean over the batch.
        images: Images that were learned from; 0 if the batch was passed over.
        sums: Sums over the batch by metric; see `onestop.tasks.task.Loss`.
    """

    loss: Value
    images: int
    sums: Mapping[str, Tensor] = field(default_factory=dict)


def outputs_finite(metrics: Metrics) -> bool:
    """Whether all outputs that these metrics are of were finite, as far as their loss says."""
    loss = metrics.get("loss")
    return loss is None or math.isfinite(loss)


@dataclass
class Progress:
    """How far a run is.

    `epoch` and `step` count what is finished; `probed` says whether the probe is, if there is to be
    one; `seen`, `loss_sum` and `sums` (by metric) belong to the epoch under way. Sums are kept where
    losses are computed, so that adding to them waits for nothing.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    stopped_early: bool = False
    probed: bool = False
    seen: int = 0
    loss_sum: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    sums: dict[str, Tensor] = field(default_factory=dict)

    def finished(self, epochs: int) -> bool:
        """Whether nothing is left to do of a run of this many epochs."""
        return self.epoch >= epochs or self.stopped_early

    @property
    def any_model(self) -> bool:
        """Whether a network is kept: the probe, or that of the best epoch."""
        return self.probed or self.best_epoch > 0

    def add(self, result: StepResult) -> None:
        """Count a step, and add what it computed, in 64 bits.

        Raises:
            NonFiniteLossError: On a GPU, a loss since the last check was NaN or infinite.
        """
        self.step += 1
        if not result.images:
            return
        if isinstance(result.loss, Tensor):
            self._move(result.loss.device)
        self.seen += result.images
        self.loss_sum += result.loss * result.images
        for name, value in result.sums.items():
            if name not in self.sums:
                kind = torch.float64 if value.is_floating_point() else torch.int64
                self.sums[name] = torch.zeros((), dtype=kind, device=self.loss_sum.device)
            self.sums[name] += value.detach().to(self.loss_sum.device)
        if self.loss_sum.is_cuda and self.step % _CHECK_EVERY == 0:
            self.require_finite()

    def mean(self, total: Tensor) -> Value:
        """A sum over the images of the epoch, divided by their number."""
        value = total if total.is_cuda else total.item()
        return value / max(self.seen, 1)

    def require_finite(self) -> None:
        """See that every loss of this epoch was finite; on a GPU, this waits for its last step.

        Raises:
            NonFiniteLossError: One was NaN or infinite.
        """
        if not math.isfinite(float(self.loss_sum)):
            raise NonFiniteLossError(f"loss became {float(self.loss_sum)} by step {self.step}")

    def close_epoch(self, metrics: Metrics, goal: Goal) -> bool:
        """Start the next epoch; whether the one that ends was the best so far.

        Args:
            metrics: Of the validation split; empty if there is none, and then every epoch is the best.
                One whose loss is NaN or infinite, as some outputs are then, is never the best.
            goal: Says what is better, and when to stop.
        """
        self.epoch += 1
        self.seen = 0
        for total in (self.loss_sum, *self.sums.values()):
            total.zero_()
        value, loss = metrics.get(goal.monitor.name), metrics.get("loss")
        if better := self._beaten_by(value, loss, goal.monitor):
            self.best, self.best_loss, self.best_epoch = value, loss, self.epoch
        self.stopped_early = 0 < goal.patience <= self.epoch - self.best_epoch
        return better

    def close_probe(self, metrics: Metrics, goal: Goal) -> None:
        """Note that the probe is fitted, and its validation metrics; it is the best so far."""
        self.probed = True
        self.best, self.best_loss = metrics.get(goal.monitor.name), metrics.get("loss")

    def _beaten_by(self, value: float | None, loss: float | None, monitor: Metric) -> bool:
        if not outputs_finite({"loss": loss}):
            return False
        if value is None or self.best is None:
            return True
        rank, best = monitor.rank(value), monitor.rank(self.best)  # a metric may be undefined: NaN
        if loss is None or self.best_loss is None:  # a task without a loss in evaluation
            return rank > best
        return rank > best or (rank == best and loss < self.best_loss)

    def _move(self, device: torch.device) -> None:
        if device != self.loss_sum.device:
            self.loss_sum = self.loss_sum.to(device)
            self.sums = {name: total.to(device) for name, total in self.sums.items()}


@dataclass
class Training:
    """What a step reads and changes.

    Attributes:
        probe: The tensors of the network as the probe left it; empty without one.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None = None
    scaler: torch.amp.GradScaler | None = None
    freezing: Freezing | None = None
    progress: Progress = field(default_factory=Progress)
    statistics: RunningStatistics | None = None
    probe: dict[str, Tensor] = field(default_factory=dict)

    @property
    def averaged(self) -> nn.Module:
        """The network, or the moving average of its weights if there is one."""
        return self.average.network if self.average else self.network

    @property
    def scored(self) -> nn.Module:
        """The same, to evaluate and keep; a copy while its running statistics cannot be trusted yet.

        Then the first call after a step runs it on training images; see `RunningStatistics`.
        """
        network, statistics = self.averaged, self.statistics
        return statistics.trusted(network, self.progress.step) if statistics else network
