"""The training loop.

A generator: it yields a record after each step and each epoch, and whoever wants to watch, log,
save or stop does so between two of them. There are no callbacks, and nothing comes back in.

Legend: B images of a batch, K outputs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import nn

from onestop.data.stream import Batch, Feed, epoch_plan
from onestop.device import Engine
from onestop.errors import NonFiniteLossError
from onestop.learning.optimizers import set_rate
from onestop.learning.schedules import schedule
from onestop.metrics import HIGHER_IS_BETTER, Metrics
from onestop.randomness import seed_torch
from onestop.recipe import Recipe
from onestop.state import Progress, Training
from onestop.tasks import Task


@dataclass(frozen=True)
class Step:
    """A step is done. `loss` is of the batch just seen; the rest are of the epoch so far."""

    epoch: int  # counted from 1
    step: int  # steps done in the whole run
    steps: int  # ... of so many
    loss: float
    train_loss: float
    train_accuracy: float
    images: int  # seen in this epoch
    lr: float


@dataclass(frozen=True)
class Epoch:
    """An epoch is over and has been scored.

    `row` holds the columns of metrics.csv; `best` says that no epoch so far was better.
    """

    epoch: int
    row: Metrics
    best: bool


def train_loop(
    training: Training,
    task: Task,
    feed: Feed,
    recipe: Recipe,
    engine: Engine,
    evaluate: Callable[[nn.Module], Metrics] | None,
) -> Generator[Step | Epoch, None, None]:
    """Train until the recipe's last epoch, or until `patience` runs out.

    Args:
        training: Network, optimizer and progress; changed in place. Training goes on from its
            progress, also from the middle of an epoch.
        task: Gives the loss.
        feed: The training split.
        recipe: Resolved: no value is None.
        engine: Device and precision.
        evaluate: Scores a network on the validation split; None where there is none, and then the
            last epoch counts as the best.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite; the step is not taken.
    """
    assert recipe.epochs is not None
    assert recipe.batch_size is not None
    assert recipe.lr is not None
    progress, network = training.progress, training.network
    count = len(feed.samples)
    per_epoch = len(epoch_plan(count, recipe.batch_size, recipe.seed, 0))
    factor = schedule(recipe, per_epoch)
    smallest = 2 if recipe.batch_size > 1 and _has_batch_norm(network) else 1
    while not progress.finished(recipe.epochs):
        epoch, begun = progress.epoch, time.perf_counter()
        seconds, seen_before = progress.seconds, progress.seen
        plan = epoch_plan(count, recipe.batch_size, recipe.seed, epoch)
        network.train()
        if training.freezing:
            training.freezing.freeze(frozen_in(recipe, epoch))
        for batch in feed.train(plan[progress.step - epoch * per_epoch :], epoch):
            lr = recipe.lr * factor(progress.step)
            loss = math.nan
            if len(batch.indices) >= smallest:
                set_rate(training.optimizer, lr)
                seed_torch(recipe.seed, "step", progress.step)
                loss = _take_step(training, task, batch, recipe, engine)
            progress.step += 1
            progress.seconds = seconds + time.perf_counter() - begun
            yield _step_record(progress, recipe.epochs * per_epoch, loss, lr)
        speed = (progress.seen - seen_before) / (time.perf_counter() - begun)
        lr = recipe.lr * factor(progress.step - 1)
        row = {"epoch": epoch + 1, "step": progress.step, "lr": lr, "images_per_second": speed}
        row["train_loss"] = _train_loss(progress)
        if "accuracy" in task.figures:
            row["train_accuracy"] = _train_accuracy(progress)
        metrics = evaluate(training.scored) if evaluate else {}
        row |= {f"val_{k}": v for k, v in metrics.items() if isinstance(v, float)}
        best = _note_epoch(progress, recipe, metrics)
        progress.seconds = seconds + time.perf_counter() - begun
        yield Epoch(epoch + 1, {**row, "seconds": progress.seconds}, best)


def frozen_in(recipe: Recipe, epoch: int) -> str:
    """What the recipe freezes in an epoch, counted from 0.

    A function of the epoch alone, so that going on with a run cannot undo it.
    """
    thawed = bool(recipe.unfreeze_after) and epoch >= (recipe.unfreeze_after or 0)
    return "none" if thawed else recipe.freeze or "none"


def _take_step(
    training: Training, task: Task, batch: Batch, recipe: Recipe, engine: Engine
) -> float:
    """One step of the optimizer on one batch, computed in `accumulate` parts."""
    progress, optimizer, scaler = training.progress, training.optimizer, training.scaler
    count = len(batch.targets)
    parts = min(recipe.accumulate, max(1, count // 2))
    total, hits = 0.0, torch.zeros((), dtype=torch.int64)
    optimizer.zero_grad(set_to_none=True)
    for inputs, targets in zip(
        batch.inputs.tensor_split(parts), batch.targets.tensor_split(parts), strict=True
    ):
        with engine.autocast():
            outputs = training.network(inputs)
        loss = task.loss(outputs, targets) * (len(targets) / count)
        total += loss.item()
        if not math.isfinite(total):
            raise NonFiniteLossError(f"loss became {total} in step {progress.step + 1}")
        (scaler.scale(loss) if scaler else loss).backward()  # type: ignore[no-untyped-call]
        hits = hits + task.hits(outputs, targets).cpu()
    if recipe.clip_grad:
        if scaler:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(training.network.parameters(), recipe.clip_grad)
    if scaler:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()
    if training.average:
        training.average.update(training.network, progress.step)
    progress.seen += count
    progress.loss_sum += total * count
    progress.hits += hits
    return total


def _note_epoch(progress: Progress, recipe: Recipe, metrics: Metrics) -> bool:
    """Close the epoch's books; whether it was the best so far."""
    progress.epoch += 1
    progress.seen = 0
    progress.loss_sum.zero_()
    progress.hits.zero_()
    value, loss = metrics.get(recipe.monitor or ""), metrics.get("loss")
    if better := _is_better(value, loss, progress, recipe):
        progress.best, progress.best_loss, progress.best_epoch = value, loss, progress.epoch
    stale = progress.epoch - progress.best_epoch
    progress.stopped_early = 0 < (recipe.patience or 0) <= stale
    return better


def _is_better(value: float | None, loss: float | None, progress: Progress, recipe: Recipe) -> bool:
    """Whether an epoch beats the best so far; among equals the lower loss does."""
    if value is None or progress.best is None or loss is None or progress.best_loss is None:
        return True
    if value == progress.best:
        return loss < progress.best_loss
    return (value > progress.best) == HIGHER_IS_BETTER[recipe.monitor or ""]


def _step_record(progress: Progress, steps: int, loss: float, lr: float) -> Step:
    return Step(
        epoch=progress.epoch + 1,
        step=progress.step,
        steps=steps,
        loss=loss,
        train_loss=_train_loss(progress),
        train_accuracy=_train_accuracy(progress),
        images=progress.seen,
        lr=lr,
    )


def _train_loss(progress: Progress) -> float:
    return float(progress.loss_sum) / max(progress.seen, 1)


def _train_accuracy(progress: Progress) -> float:
    return float(progress.hits) / max(progress.seen, 1)


def _has_batch_norm(network: nn.Module) -> bool:
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())  # noqa: SLF001
