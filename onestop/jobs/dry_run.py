"""What a run would take, measured on a few of its own steps; no file is written.

Built by the same code as a run, driven by the same loop and scored the same way, then thrown away.
Long stretches are cut off after some seconds and reckoned up by images; the steps of short runs go
through several epochs. First steps are slower (caches, compiling) and are counted on their own; of
the others' computing the median counts, of their waiting for images, which comes in bursts, the mean.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from onestop.data.batch import Batch
from onestop.data.loader import Loader, epoch_plan
from onestop.display.progress import Watcher
from onestop.inference.score import score
from onestop.networks import count_parameters
from onestop.results.cost import Estimate, Phase
from onestop.runtime import memory
from onestop.runtime.rng import preserved
from onestop.training.feature_cache import FeatureCache
from onestop.training.loop import Epoch, frozen_in, timed, train_loop
from onestop.training.plan import Plan
from onestop.training.setup import Parts, assemble, held_out
from onestop.training.state import Progress

_STEPS = 4.5  # seconds for the steps of all phases
_ONCE = 2.0  # ... for a frozen backbone's pass
_SCORING = 0.8  # ... for each scoring
_WARM = 3  # first steps, which are slower
_WAITING = 0.2  # share of the time spent waiting that images are what bounds a run
_FULL = 0.9  # share of a GPU's memory that is as good as all of it


@dataclass(frozen=True)
class _Pace:
    """Seconds of an epoch's steps, those of them spent waiting, and those lost once at the start."""

    epoch: float
    waiting: float
    starting: float


def estimate(planned: Plan, *, begun: float, done: int = 0, quiet: bool = True) -> Estimate:
    """Measure what training as planned would take.

    Args:
        planned: As for a run; its network is trained for some steps.
        begun: When the preparation began, by `time.perf_counter`.
        done: Epochs that the run has done already.
        quiet: Say nothing of what a run would note.

    Raises:
        OneStopError: What a run would stop with in its preparation or first steps.
    """
    watcher = Watcher(quiet=quiet)
    notes = [f"note: {note}" for note in planned.dataset.notes]
    with preserved(), planned.engine.applied():
        parts = assemble(planned)
        for line in (*notes, *planned.said, *parts.said):
            watcher.say(line)
        for feed in parts.feeds.values():
            feed.pixels.open()
        preparation = time.perf_counter() - begun
        stretches = _stretches(parts, done)
        measured = [
            _phase(parts, first, count, _STEPS / len(stretches)) for first, count in stretches
        ]
        split = held_out(parts)
        final = _scoring(parts, parts.feeds[split], None, _SCORING)
    phases = tuple(phase for phase, _ in measured)
    starting = sum(lost for _, lost in measured)
    peak = _peak(parts)
    sizes = {name: len(f.samples) for name, f in parts.feeds.items()}
    batch_size = parts.recipe.optim.batch_size
    return Estimate(
        network=parts.entry.name,
        parameters=count_parameters(parts.training.network),
        device=parts.recipe.machine.device,
        images=sizes["train"],
        validation_images=sizes.get("val", 0),
        steps_per_epoch=len(epoch_plan(sizes["train"], batch_size, 0, 0)),
        batch_size=batch_size,
        epochs=sum(phase.epochs for phase in phases),
        phases=phases,
        preparation=preparation,
        starting=starting,
        final=final,
        total=preparation + starting + sum(phase.seconds for phase in phases) + final,
        peak_memory=peak,
        bound_by=_bound(parts, phases, peak),
    )


def _stretches(parts: Parts, done: int) -> list[tuple[int, int]]:
    """First epoch, counted from 0, and number of epochs for each thing that is frozen in turn."""
    found: dict[str, list[int]] = {}
    for epoch in range(done, parts.recipe.optim.epochs):
        found.setdefault(frozen_in(parts.recipe.network, epoch), []).append(epoch)
    return [(epochs[0], len(epochs)) for epochs in found.values()]


def _phase(parts: Parts, first: int, count: int, seconds: float) -> tuple[Phase, float]:
    """What these epochs take, and what their first steps take longer."""
    frozen = frozen_in(parts.recipe.network, first)
    short = parts.shortcut if frozen == "backbone" else None
    once = once_waiting = 0.0
    if short:
        taken, waited = _pass(short, parts.feeds["train"], short.views)
        once, once_waiting = short.views * taken, short.views * waited
        if "val" in parts.feeds:
            once += _pass(short, parts.feeds["val"], 0)[0]
    pace = _steps(parts, first, seconds)
    scoring = 0.0
    if "val" in parts.feeds:
        _scoring(parts, parts.feeds["val"], short, _SCORING / 4)  # the first is slower
        scoring = _scoring(parts, parts.feeds["val"], short, _SCORING)
    speed = len(parts.feeds["train"].samples) / pace.epoch
    waiting = (once_waiting + count * pace.waiting) / (once + count * pace.epoch)
    phase = Phase(count, frozen, once, pace.epoch, scoring, speed, waiting)
    return phase, pace.starting


def _steps(parts: Parts, first: int, seconds: float) -> _Pace:
    """Run the loop from the beginning of an epoch."""
    recipe, feed = parts.recipe.replace(patience=0), parts.feeds["train"]
    batch_size, seed = recipe.optim.batch_size, recipe.machine.seed
    per_epoch = len(epoch_plan(len(feed.samples), batch_size, seed, first))
    parts.training.progress = Progress(epoch=first, step=first * per_epoch)
    loop = train_loop(parts.training, parts.task, feed, recipe, parts.engine, None, parts.shortcut)
    computing: list[float] = []  # seconds an image
    firsts: list[float] = []  # seconds waited for an epoch's first batch
    others: list[float] = []  # ... and for each of the others
    last, waited, seen, end = time.perf_counter(), 0.0, 0, float("inf")
    for record in loop:
        now = time.perf_counter()
        if isinstance(record, Epoch):
            last, waited, seen = now, 0.0, 0
            continue
        (others if seen else firsts).append(record.waited - waited)
        if record.images > seen:
            took = now - last - (record.waited - waited)
            computing.append(took / (record.images - seen))
        last, waited, seen = now, record.waited, record.images
        end = min(end, now + seconds)  # the first step may have to be compiled for
        if now > end:
            break
    loop.close()
    return _reckon(parts, computing, firsts, others)


def _reckon(
    parts: Parts, computing: list[float], firsts: list[float], others: list[float]
) -> _Pace:
    images, batch_size = len(parts.feeds["train"].samples), parts.recipe.optim.batch_size
    settled = computing[_WARM:] or [min(computing)]
    if parts.engine.runs_ahead:  # a step's own time is unknown there, only that of all
        begun = time.perf_counter()
        torch.cuda.synchronize(parts.engine.device)
        rest = time.perf_counter() - begun
        typical = statistics.fmean(settled) + rest / (len(settled) * batch_size)
    else:
        typical = statistics.median(settled)
    steps = len(epoch_plan(images, batch_size, parts.recipe.machine.seed, 0))
    waiting = statistics.fmean(firsts)
    waiting += (steps - 1) * statistics.fmean(others) if others else 0.0
    lost = sum(max(0.0, slow - typical) for slow in computing[:_WARM]) * batch_size
    return _Pace(images * typical + waiting, waiting, lost)


def _pass(short: FeatureCache, feed: Loader, views: int) -> tuple[float, float]:
    """Seconds of a frozen backbone's pass over a split, and those of them spent waiting for images.

    What it found stands in for the features of the rest, and of the other views.
    """
    next(short.passes(short.batches(feed, 0 if views else None)))  # the first is slower
    begun = time.perf_counter()
    times, counts, waits, kept = [], [], [], []

    def watched() -> Iterator[Batch]:
        for batch, waited in timed(short.batches(feed, 0 if views else None)):
            waits.append(waited)
            yield batch

    for indices, features in short.passes(watched()):
        times.append(time.perf_counter() - begun)
        counts.append(len(indices))
        kept.append(features)
        if len(times) > 1 and times[-1] > _ONCE:
            break
    short.pretend(feed, views, torch.cat(kept))
    rest = (len(feed.samples) - counts[0]) / max(sum(counts[1:]), 1)
    return times[0] + rest * (times[-1] - times[0]), waits[0] + rest * sum(waits[1:])


def _scoring(parts: Parts, feed: Loader, short: FeatureCache | None, seconds: float) -> float:
    """Seconds that scoring a split takes, from as many batches as fit into `seconds`."""
    begun, seen = time.perf_counter(), 0

    def some(batches: Iterable[Batch]) -> Iterator[Batch]:
        nonlocal seen
        for batch in batches:
            seen += len(batch)
            yield batch
            if time.perf_counter() - begun > seconds:
                return

    network = parts.training.scored
    if short:
        batches = short.in_order(feed, parts.batch_size)
        score(short.tail(network), parts.task, some(batches), parts.engine)
    else:
        fast = parts.folding(network)
        score(fast, parts.task, some(feed.in_order(parts.batch_size)), parts.engine)
    return (time.perf_counter() - begun) * len(feed.samples) / seen


def _peak(parts: Parts) -> int | None:
    """The most memory taken, with the views that a run keeps and this only pretends to."""
    found = memory.peak(parts.engine.device)
    return found + parts.shortcut.pretended if found and parts.shortcut else found


def _bound(parts: Parts, phases: tuple[Phase, ...], peak: int | None) -> str:
    """What keeps the run from being faster, and what can be done about it."""
    whole = memory.total(parts.engine.device)
    if whole and peak and peak > _FULL * whole:
        return f"GPU memory, {peak / whole:.0%} taken: --accumulate 2 halves what a step needs"
    learning = [phase.once + phase.training * phase.epochs for phase in phases]
    waiting = sum(phase.waiting * s for phase, s in zip(phases, learning, strict=True))
    if waiting < _WAITING * sum(learning):
        return "computing"
    if parts.feeds["train"].pixels.reads_ahead:
        return "reading images: raise --workers or use --cache"
    return "preparing images: a simpler --augment takes less"
