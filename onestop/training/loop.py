"""The training loop.

A generator: it yields a record after each step and each epoch, and whoever wants to watch, log,
save or stop does so between two of them. There are no callbacks, and nothing comes back in.

Legend: B images of a batch, K outputs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn

from onestop.data.batch import Batch
from onestop.data.loader import Loader, epoch_plan
from onestop.errors import NonFiniteLossError
from onestop.metrics import Metrics
from onestop.metrics.spec import Metric
from onestop.optim.optimizers import set_rate, zero_grad
from onestop.optim.schedules import schedule
from onestop.recipe import Evaluation, Network, Optim, Recipe
from onestop.runtime.device import Engine
from onestop.runtime.rng import seed_torch
from onestop.tasks import Task
from onestop.training.compile import Learner, compiled
from onestop.training.feature_cache import FeatureCache
from onestop.training.state import Progress, Training

Figure: TypeAlias = float | Tensor
"""A number; from a GPU a tensor of one, so that only who reads it waits for the GPU."""
_LOOK = 50  # steps on a GPU between two looks whether the loss is still a number


@dataclass(frozen=True)
class Step:
    """A step is done. `loss` is of the batch just seen; the rest are of the epoch so far."""

    epoch: int  # counted from 1
    step: int  # steps done in the whole run
    steps: int  # ... of so many
    loss: Figure
    train_loss: Figure
    train_metrics: Mapping[str, Figure]  # by name, those that are summed while training
    images: int  # seen in this epoch
    lr: float
    waited: float = 0.0  # seconds this process has waited for images in this epoch


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
    task: Task[Any],
    feed: Loader,
    recipe: Recipe,
    engine: Engine,
    evaluate: Callable[[nn.Module], Metrics] | None,
    shortcut: FeatureCache | None = None,
) -> Generator[Step | Epoch, None, None]:
    """Train until the recipe's last epoch, or until `patience` runs out.

    Args:
        training: Network, optimizer and progress; changed in place. Training goes on from its
            progress, also from the middle of an epoch.
        task: Gives the loss.
        feed: The training split.
        recipe: Every setting.
        engine: Device and precision.
        evaluate: Scores a network on the validation split; None where there is none, and then the
            last epoch counts as the best.
        shortcut: Used in epochs in which the whole backbone is frozen.

    Raises:
        NonFiniteLossError: The loss became NaN or infinite; the step is not taken (on a GPU it is
            noticed some steps later).
    """
    optim, seed = recipe.optim, recipe.machine.seed
    progress, network = training.progress, training.network
    progress.place(engine.device)
    count = len(feed.samples)
    per_epoch = len(epoch_plan(count, optim.batch_size, seed, 0))
    factor = schedule(optim, per_epoch)
    fast = compiled(network, engine, parts=optim.accumulate) if engine.compile else network
    smallest = 2 if optim.batch_size > 1 and _has_batch_norm(network) else 1
    while not progress.finished(optim.epochs):
        epoch, begun = progress.epoch, time.perf_counter()
        seconds, seen_before = progress.seconds, progress.seen
        plan = epoch_plan(count, optim.batch_size, seed, epoch)
        network.train()
        frozen = frozen_in(recipe.network, epoch)
        if training.freezing:
            training.freezing.freeze(frozen)
        rest, waited = plan[progress.step - epoch * per_epoch :], 0.0
        learner: Learner = network
        if shortcut and frozen == "backbone":
            batches, learner = shortcut.train(feed, rest, epoch), shortcut.tail(network)
        else:
            batches = feed.train(rest, epoch)
        for batch, seconds_waited in timed(batches):
            waited += seconds_waited
            lr = optim.lr * factor(progress.step)
            loss: Figure = math.nan
            if len(batch) >= smallest:
                set_rate(training.optimizer, lr)
                seed_torch(seed, "step", progress.step)
                whole = learner is network and len(batch) == len(plan[0])
                loss = take_step(training, fast if whole else learner, task, batch, optim, engine)
            progress.step += 1
            progress.seconds = seconds + time.perf_counter() - begun
            yield _step_record(progress, task, optim.epochs * per_epoch, loss, lr, waited)
        _refuse_nonfinite(progress)
        took = time.perf_counter() - begun
        row = _training_row(progress, task) | {
            "lr": optim.lr * factor(progress.step - 1),
            "images_per_second": (progress.seen - seen_before) / took,
            "waiting": waited / took,
        }
        metrics = evaluate(training.scored) if evaluate else {}
        row |= {f"val_{k}": v for k, v in metrics.items() if isinstance(v, float)}
        row["scoring"] = time.perf_counter() - begun - took
        best = _note_epoch(progress, task, recipe.evaluation, metrics)
        progress.seconds = seconds + time.perf_counter() - begun
        yield Epoch(epoch + 1, {**row, "seconds": progress.seconds}, best)


def _training_row(progress: Progress, task: Task[Any]) -> Metrics:
    """What metrics.csv says of an epoch's steps, before the epoch is scored."""
    row: Metrics = {"epoch": progress.epoch + 1, "step": progress.step}
    row["train_loss"] = float(_mean(progress.loss_sum, progress))
    for name, value in _running(progress, task).items():
        row[f"train_{name}"] = float(value)
    return row


def _running(progress: Progress, task: Task[Any]) -> dict[str, Figure]:
    """The metrics that are summed while training, of the epoch so far."""
    return {
        metric.name: _mean(progress.sums[metric.name], progress)
        if metric.name in progress.sums
        else 0.0
        for metric in task.metrics
        if metric.training
    }


def timed(batches: Iterator[Batch]) -> Iterator[tuple[Batch, float]]:
    """Each batch with the seconds that it had to be waited for."""
    begun = time.perf_counter()
    for batch in batches:
        yield batch, time.perf_counter() - begun
        begun = time.perf_counter()


def frozen_in(network: Network, epoch: int) -> str:
    """The part of the network that is frozen in an epoch, counted from 0.

    A function of the epoch alone, so that going on with a run cannot undo it.
    """
    thawed = 0 < network.unfreeze_after <= epoch
    return "none" if thawed else network.freeze


def take_step(
    training: Training,
    learner: Learner,
    task: Task[Any],
    batch: Batch,
    optim: Optim,
    engine: Engine,
) -> Figure:
    """One step of the optimizer on one batch, computed in `accumulate` parts; its loss.

    `learner` is the network, or the part of it that learns.
    """
    progress, optimizer, scaler = training.progress, training.optimizer, training.scaler
    network, count = engine.forward(learner), len(batch)
    parts = min(optim.accumulate, max(1, count // 2))
    total: Figure = 0.0
    zero_grad(optimizer)
    for part in batch.split(parts):
        computed = task.loss(network, part)
        loss = computed.total
        if parts > 1:
            loss = loss * (len(part) / count)
        total = total + (loss.detach() if engine.runs_ahead else loss.item())
        if not engine.runs_ahead and not math.isfinite(total):
            raise NonFiniteLossError(f"loss became {total} in step {progress.step + 1}")
        (scaler.scale(loss) if scaler else loss).backward()
        progress.add(computed.sums)
    if optim.clip_grad:
        if scaler:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(training.network.parameters(), optim.clip_grad)
    if scaler:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()
    if training.average:
        training.average.update(training.network, progress.step)
    progress.seen += count
    progress.loss_sum += total * count
    if engine.runs_ahead and progress.step % _LOOK == _LOOK - 1:
        _refuse_nonfinite(progress)
    return total


def _refuse_nonfinite(progress: Progress) -> None:
    """Stop where a loss of this epoch was no number; on a GPU, this waits for its last step."""
    if not math.isfinite(float(progress.loss_sum)):
        raise NonFiniteLossError(f"loss became {float(progress.loss_sum)} by step {progress.step}")


def _note_epoch(
    progress: Progress, task: Task[Any], evaluation: Evaluation, metrics: Metrics
) -> bool:
    """Close the epoch's books; whether it was the best so far."""
    progress.epoch += 1
    progress.begin_epoch()
    value, loss = metrics.get(evaluation.monitor), metrics.get("loss")
    monitored = next((m for m in task.metrics if m.name == evaluation.monitor), None)
    if better := _is_better(value, loss, progress, monitored):
        progress.best, progress.best_loss, progress.best_epoch = value, loss, progress.epoch
    stale = progress.epoch - progress.best_epoch
    progress.stopped_early = 0 < evaluation.patience <= stale
    return better


def _is_better(
    value: float | None, loss: float | None, progress: Progress, monitored: Metric | None
) -> bool:
    """Whether an epoch beats the best so far; among equals the lower loss does."""
    if value is None or progress.best is None or loss is None or progress.best_loss is None:
        return True
    if value == progress.best or monitored is None:
        return loss < progress.best_loss
    return monitored.better(value, progress.best)


def _step_record(
    progress: Progress, task: Task[Any], steps: int, loss: Figure, lr: float, waited: float
) -> Step:
    return Step(
        epoch=progress.epoch + 1,
        step=progress.step,
        steps=steps,
        loss=loss,
        train_loss=_mean(progress.loss_sum, progress),
        train_metrics=_running(progress, task),
        images=progress.seen,
        lr=lr,
        waited=waited,
    )


def _mean(total: Tensor, progress: Progress) -> Figure:
    """A sum of the epoch's images, by their number."""
    number = total if total.is_cuda else total.item()
    return number / max(progress.seen, 1)


def _has_batch_norm(network: nn.Module) -> bool:
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())  # noqa: SLF001
