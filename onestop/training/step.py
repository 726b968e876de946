"""One step of the optimizer: forward, backward, update.

Legend: B images of a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from onestop.data.batch import Batch
from onestop.errors import NonFiniteLossError
from onestop.optim.optimizers import set_rate, zero_grad
from onestop.runtime.device import Engine
from onestop.runtime.rng import seed_torch
from onestop.tasks.task import Task
from onestop.training.compile import Learner
from onestop.training.records import Value
from onestop.training.state import StepResult, Training


class Step(Protocol):
    """How a batch changes the weights."""

    def __call__(
        self, training: Training, task: Task[Any], learner: Learner, batch: Batch, lr: float
    ) -> StepResult:
        """Take the step.

        Args:
            training: Network and optimizer; changed in place. Its progress is only read.
            task: Gives the loss.
            learner: The network, or the part of it that learns.
            batch: Of B images; one that is too small to learn from is passed over.
            lr: Learning rate.

        Raises:
            NonFiniteLossError: The loss became NaN or infinite; the step is not taken (on a GPU this
                is noticed some steps later, see `Progress.add`).
        """


@dataclass(frozen=True)
class LocalStep:
    """A step computed by this process alone.

    Attributes:
        engine: Device and precision.
        seed: Of the run: dropout in step t is a function of (seed, t).
        accumulate: Parts that a batch is computed in, to save memory; their gradients are summed.
        clip_grad: Largest norm of the gradient; longer ones are scaled down to it; 0 is off.
        smallest: Smallest batch to learn from.
    """

    engine: Engine
    seed: int = 0
    accumulate: int = 1
    clip_grad: float = 0.0
    smallest: int = 1

    def __call__(
        self, training: Training, task: Task[Any], learner: Learner, batch: Batch, lr: float
    ) -> StepResult:
        if len(batch) < self.smallest:
            return StepResult(math.nan, 0)
        set_rate(training.optimizer, lr)
        seed_torch(self.seed, "step", training.progress.step)
        zero_grad(training.optimizer)
        result = self._backward(training, task, learner, batch)
        self._update(training)
        if training.average:
            training.average.update(training.network, training.progress.step)
        return result

    def _backward(
        self, training: Training, task: Task[Any], learner: Learner, batch: Batch
    ) -> StepResult:
        """Compute loss and gradients, part by part."""
        network, count = self.engine.forward(learner), len(batch)
        parts = min(self.accumulate, max(1, count // 2))
        total: Value = 0.0
        sums: dict[str, Tensor] = {}
        for part in batch.split(parts):
            computed = task.loss(network, part)
            loss = computed.total if parts == 1 else computed.total * (len(part) / count)
            total = total + (loss.detach() if self.engine.runs_ahead else loss.item())
            if not self.engine.runs_ahead and not math.isfinite(total):
                step = training.progress.step + 1
                raise NonFiniteLossError(f"loss became {total} in step {step}")
            (training.scaler.scale(loss) if training.scaler else loss).backward()
            for name, value in computed.sums.items():
                sums[name] = sums[name] + value if name in sums else value
        return StepResult(total, count, sums)

    def _update(self, training: Training) -> None:
        """Apply the gradients."""
        optimizer, scaler = training.optimizer, training.scaler
        if self.clip_grad:
            if scaler:
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(training.network.parameters(), self.clip_grad)
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()


def smallest_batch(network: nn.Module, batch_size: int) -> int:
    """The smallest batch to learn from: BatchNorm in training mode needs at least two samples."""
    norms = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the base of all of them
    has_norm = any(isinstance(module, norms) for module in network.modules())
    return 2 if batch_size > 1 and has_norm else 1
