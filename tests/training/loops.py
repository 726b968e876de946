"""Training parts by hand, without a run folder."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import nn

from onestop.data.loader import Loader
from onestop.optim.schedules import schedule
from onestop.recipe import Recipe
from onestop.runtime.device import Engine
from onestop.tasks import Classification, Task
from onestop.training.loop import fit
from onestop.training.phases import Order, Phases, WholePhase
from onestop.training.records import EpochRecord, StepRecord
from onestop.training.state import Goal, Training
from onestop.training.step import LocalStep, smallest_batch

ENGINE = Engine(torch.device("cpu"))
TASK = Classification(("a", "b", "c"))


def train(
    training: Training,
    loader: Loader,
    recipe: Recipe,
    evaluate: Callable[[nn.Module], dict[str, Any]] | None = None,
    task: Task[Any] = TASK,
) -> Generator[StepRecord | EpochRecord, None, None]:
    """The loop over one phase in which nothing is frozen."""
    optim = recipe.optim
    order = Order(len(loader.samples), optim.batch_size, recipe.machine.seed)
    phase = WholePhase(training.network, order, loader, ENGINE, optim.accumulate, score=evaluate)
    step = LocalStep(
        ENGINE, recipe.machine.seed, optim.accumulate, optim.clip_grad,
        smallest_batch(training.network, optim.batch_size),
    )  # fmt: skip
    monitor = next(m for m in task.metrics if m.name == recipe.evaluation.monitor)
    goal = Goal(optim.epochs, monitor, recipe.evaluation.patience)
    factor = schedule(optim, order.per_epoch)
    phases = Phases(phase, phase, 0, order)
    return fit(training, task, phases, step, goal, lambda n: optim.lr * factor(n))
