"""The training loop.

A generator: it yields a record after each step and each epoch, and whoever wants to watch, log, save
or stop does so between two of them. There are no callbacks, and nothing comes back in. What depends on
the task, the epoch, the device or the number of processes lies in what it is given: the task, the
phases, the step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from onestop.data.batch import Batch
from onestop.metrics import Metrics
from onestop.optim.schedules import Factor
from onestop.tasks import Task
from onestop.training.phases import Phases
from onestop.training.records import EpochRecord, StepRecord, Value
from onestop.training.state import Goal, Progress, Training, outputs_finite
from onestop.training.step import Step


def fit(
    training: Training, task: Task[Any], phases: Phases, step: Step, goal: Goal, rate: Factor
) -> Generator[StepRecord | EpochRecord, None, None]:
    """Train until the last epoch, or until patience runs out.

    Args:
        training: Network, optimizer and progress; changed in place. Training continues from its
            progress, also from the middle of an epoch.
        task: Gives the loss, and names the metrics.
        phases: What is frozen, trained on and evaluated in each epoch.
        step: How a batch changes the weights.
        goal: When to stop, and which epoch is the best.
        rate: The learning rate of each step, counted from 0.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite; see `Step`.
    """
    progress, steps = training.progress, goal.epochs * phases.order.per_epoch
    while not progress.finished(goal.epochs):
        phase, clock = phases.at(progress.epoch), Clock(progress)
        phase.enter(training)
        for batch in clock.waiting(phase.batches(progress)):
            lr = rate(progress.step)
            result = step(training, task, phase.learner(batch), batch, lr)
            progress.add(result)
            progress.seconds = clock.seconds
            yield StepRecord(
                progress.epoch + 1, progress.step, steps, result.loss,
                progress.mean(progress.loss_sum), _running(progress, task), progress.seen, lr,
                clock.data_time,
            )  # fmt: skip
        progress.require_finite()
        row = _training_row(progress, task, rate(progress.step - 1), clock)
        metrics = phase.evaluate(training.scored)
        row |= _validation_row(metrics)
        row["scoring"] = clock.lap()
        best = progress.close_epoch(metrics, goal)
        progress.seconds = clock.seconds
        row["seconds"] = progress.seconds
        yield EpochRecord(progress.epoch, row, best, outputs_finite(metrics))


class Clock:
    """Where the time of an epoch goes.

    Attributes:
        data_time: Seconds spent waiting for batches.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        """Starts now; `progress` says how much of the run was done before."""
        self._begun = self._lap = time.perf_counter()
        self._before = progress.seconds if progress else 0.0
        self.seen_before = progress.seen if progress else 0
        self.data_time = 0.0

    @property
    def seconds(self) -> float:
        """Of the whole run, until now."""
        return self._before + time.perf_counter() - self._begun

    def lap(self) -> float:
        """Seconds since the last call, or the start."""
        last, self._lap = self._lap, time.perf_counter()
        return self._lap - last

    def waiting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches; how long each is waited for adds to `data_time`."""
        begun = time.perf_counter()
        for batch in batches:
            self.data_time += time.perf_counter() - begun
            yield batch
            begun = time.perf_counter()


def _running(progress: Progress, task: Task[Any]) -> dict[str, Value]:
    """The metrics that are summed while training, of the epoch so far."""
    names = [metric.name for metric in task.metrics if metric.training]
    sums = progress.sums
    return {name: progress.mean(sums[name]) if name in sums else 0.0 for name in names}


def _training_row(progress: Progress, task: Task[Any], lr: float, clock: Clock) -> Metrics:
    """What metrics.csv says about the steps of an epoch."""
    took = clock.lap()
    return {
        "epoch": progress.epoch + 1,
        "step": progress.step,
        "train_loss": float(progress.mean(progress.loss_sum)),
        **{f"train_{name}": float(value) for name, value in _running(progress, task).items()},
        "lr": lr,
        "images_per_second": (progress.seen - clock.seen_before) / took,
        "waiting": clock.data_time / took,
    }


def _validation_row(metrics: Metrics) -> Metrics:
    """What metrics.csv says about the validation split: nothing if the outputs were not finite.

    An accuracy can be computed of them too, but it says nothing.
    """
    if not outputs_finite(metrics):
        return {}
    numbers = {k: v for k, v in metrics.items() if isinstance(v, float)}
    return {f"val_{name}": value for name, value in numbers.items() if math.isfinite(value)}
