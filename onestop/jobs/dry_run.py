"""What a run would take, measured on a few of its own steps; no file is written.

Built by the same code as a run, driven by the same loop and evaluated the same way, then discarded.
Long phases are cut off after some seconds and extrapolated by images; the steps of short runs go
through several epochs. First steps are slower (caches, compiling) and are counted separately. Of the
computing time of the others the median counts, of their waiting for images, which comes in bursts, the
mean.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from onestop.data.batch import Batch
from onestop.data.loader import Loader
from onestop.display.progress import Watcher
from onestop.inference.score import score
from onestop.networks import count_parameters
from onestop.results.cost import Estimate, Phase
from onestop.runtime import memory
from onestop.runtime.rng import preserved
from onestop.training.feature_cache import FeatureCache
from onestop.training.loop import Clock, fit
from onestop.training.phases import Phase as TrainingPhase
from onestop.training.plan import Plan
from onestop.training.records import EpochRecord
from onestop.training.setup import Session, held_out, set_up
from onestop.training.state import Progress

_STEPS = 4.5  # seconds for the steps of all phases
_ONCE = 2.0  # ... for a frozen backbone's pass
_SCORING = 0.8  # ... for each scoring
_WARM = 3  # first steps, which are slower
_WAITING = 0.2  # share of the time spent waiting that images are what bounds a run
_FORWARD = 1 / 3  # share of a step that its forward pass takes
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
        quiet: Print no notes.

    Raises:
        OneStopError: What a run would stop with in its preparation or first steps.
    """
    watcher = Watcher(quiet=quiet)
    notes = [f"note: {note}" for note in planned.dataset.notes]
    with preserved(), planned.engine.applied():
        session = set_up(planned)
        for line in (*notes, *planned.notes, *session.notes):
            watcher.say(line)
        for loader in session.loaders.values():
            loader.pixels.open()
        preparation = time.perf_counter() - begun
        stretches = session.phases().stretches(done, session.goal.epochs)
        measured = [
            _phase(session, phase, first, count, _STEPS / len(stretches))
            for first, count, phase in stretches
        ]
        split = held_out(session)
        final = _scoring(session, session.loaders[split], None, _SCORING)
    phases = tuple(phase for phase, _ in measured)
    starting = sum(lost for _, lost in measured)
    peak = _peak(session)
    sizes = {name: len(loader.samples) for name, loader in session.loaders.items()}
    return Estimate(
        network=planned.entry.name,
        parameters=count_parameters(session.training.network),
        device=session.recipe.machine.device,
        images=sizes["train"],
        validation_images=sizes.get("val", 0),
        steps_per_epoch=session.order.per_epoch,
        batch_size=session.order.batch_size,
        epochs=sum(phase.epochs for phase in phases),
        phases=phases,
        preparation=preparation,
        starting=starting,
        final=final,
        total=preparation + starting + sum(phase.seconds for phase in phases) + final,
        peak_memory=peak,
        bound_by=_bound(session, phases, peak),
    )


def _phase(
    session: Session, phase: TrainingPhase, first: int, count: int, seconds: float
) -> tuple[Phase, float]:
    """What these epochs take, and what their first steps take longer."""
    cache, loaders = phase.feature_cache, session.loaders
    once = once_waiting = 0.0
    if cache:
        taken, waited = _pass(cache, loaders["train"], cache.versions)
        once, once_waiting = cache.versions * taken, cache.versions * waited
        if "val" in loaders:
            once += _pass(cache, loaders["val"], 0)[0]
    pace = _steps(session, first, seconds)
    scoring = 0.0
    if "val" in loaders:
        _scoring(session, loaders["val"], cache, _SCORING / 4)  # the first is slower
        scoring = _scoring(session, loaders["val"], cache, _SCORING)
    scoring += _anew(session, range(first, first + count), pace)
    speed = session.order.images / pace.epoch
    waiting = (once_waiting + count * pace.waiting) / (once + count * pace.epoch)
    return Phase(count, phase.frozen, once, pace.epoch, scoring, speed, waiting), pace.starting


def _anew(session: Session, epochs: range, pace: _Pace) -> float:
    """Seconds per epoch that running statistics take which are computed anew: forward passes."""
    if session.training.statistics is None:
        return 0.0
    images, per_epoch = session.training.statistics.images, session.order.per_epoch
    due = sum(session.training.statistics.due((epoch + 1) * per_epoch) for epoch in epochs)
    return due / len(epochs) * images / session.order.images * _FORWARD * pace.epoch


def _steps(session: Session, first: int, seconds: float) -> _Pace:
    """Run the loop from the beginning of an epoch."""
    session.training.progress = Progress(epoch=first, step=first * session.order.per_epoch)
    goal = dataclasses.replace(session.goal, patience=0)
    phases = session.phases(evaluate=False)
    untouched = dataclasses.replace(session.training, statistics=None)
    # A run lowers a derived rate that is too high; what steps take does not depend on it.
    rate = (lambda _: 0.0) if "lr" in session.plan.whys else session.rate
    loop = fit(untouched, session.task, phases, session.step, goal, rate)
    computing: list[float] = []  # seconds per image
    firsts: list[float] = []  # seconds waited for an epoch's first batch
    others: list[float] = []  # ... and for each of the others
    last, waited, seen, end = time.perf_counter(), 0.0, 0, float("inf")
    for record in loop:
        now = time.perf_counter()
        if isinstance(record, EpochRecord):
            last, waited, seen = now, 0.0, 0
            continue
        (others if seen else firsts).append(record.data_time - waited)
        if record.images > seen:
            took = now - last - (record.data_time - waited)
            computing.append(took / (record.images - seen))
        last, waited, seen = now, record.data_time, record.images
        end = min(end, now + seconds)  # the first step may have to be compiled for
        if now > end:
            break
    loop.close()
    return _reckon(session, computing, firsts, others)


def _reckon(
    session: Session, computing: list[float], firsts: list[float], others: list[float]
) -> _Pace:
    images, batch_size = session.order.images, session.order.batch_size
    settled = computing[_WARM:] or [min(computing)]
    if session.plan.engine.runs_ahead:  # a step's own time is unknown there, only that of all
        begun = time.perf_counter()
        torch.cuda.synchronize(session.plan.engine.device)
        rest = time.perf_counter() - begun
        typical = statistics.fmean(settled) + rest / (len(settled) * batch_size)
    else:
        typical = statistics.median(settled)
    waiting = statistics.fmean(firsts)
    waiting += (session.order.per_epoch - 1) * statistics.fmean(others) if others else 0.0
    lost = sum(max(0.0, slow - typical) for slow in computing[:_WARM]) * batch_size
    return _Pace(images * typical + waiting, waiting, lost)


def _pass(cache: FeatureCache, loader: Loader, versions: int) -> tuple[float, float]:
    """Seconds of a frozen backbone's pass over a split, and those of them spent waiting for images.

    Its features stand in for those of the other images, and of the other versions.
    """
    version = 0 if versions else None
    next(cache.passes(cache.batches(loader, version)))  # the first is slower
    clock, begun = Clock(), time.perf_counter()
    times, counts, waits, features = [], [], [], []
    for indices, part in cache.passes(clock.waiting(cache.batches(loader, version))):
        times.append(time.perf_counter() - begun)
        waits.append(clock.data_time)
        counts.append(len(indices))
        features.append(part)
        if len(times) > 1 and times[-1] > _ONCE:
            break
    cache.pretend(loader, versions, torch.cat(features))
    rest = (len(loader.samples) - counts[0]) / max(sum(counts[1:]), 1)
    seconds = times[0] + rest * (times[-1] - times[0])
    return seconds, waits[0] + rest * (waits[-1] - waits[0])


def _scoring(session: Session, loader: Loader, cache: FeatureCache | None, seconds: float) -> float:
    """Seconds that evaluating a split takes, from as many batches as fit into `seconds`."""
    begun, seen = time.perf_counter(), 0

    def some(batches: Iterable[Batch]) -> Iterator[Batch]:
        nonlocal seen
        for batch in batches:
            seen += len(batch)
            yield batch
            if time.perf_counter() - begun > seconds:
                return

    network, size = session.training.averaged, session.batch_size
    learner = cache.tail(network) if cache else session.folding(network)
    batches = cache.in_order(loader, size) if cache else loader.in_order(size)
    score(learner, session.task, some(batches), session.plan.engine)
    return (time.perf_counter() - begun) * len(loader.samples) / seen


def _peak(session: Session) -> int | None:
    """The most memory taken, with the features that a run caches and this only pretends to."""
    peak, cache = memory.peak(session.plan.engine.device), session.feature_cache
    return peak + cache.pretended if peak and cache else peak


def _bound(session: Session, phases: tuple[Phase, ...], peak: int | None) -> str:
    """What keeps the run from being faster, and what can be done about it."""
    whole = memory.total(session.plan.engine.device)
    if whole and peak and peak > _FULL * whole:
        return f"GPU memory, {peak / whole:.0%} taken: --accumulate 2 halves what a step needs"
    learning = [phase.once + phase.training * phase.epochs for phase in phases]
    waiting = sum(phase.waiting * s for phase, s in zip(phases, learning, strict=True))
    if waiting < _WAITING * sum(learning):
        return "computing"
    if session.loaders["train"].pixels.reads_ahead:
        return "reading images: raise --workers or use --cache"
    return "preparing images: a simpler --augment takes less"
