"""After a step ran out of memory: which batch would fit.

Two small steps are measured, and what they show an image to need is compared with what is left. Larger
ones are not tried: close to the limit, libraries below torch have been seen to crash the process. The
network and its optimizer are of no use afterwards.
"""

from __future__ import annotations

import dataclasses
import gc
import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

from onestop.data.batch import Batch
from onestop.errors import NonFiniteLossError, is_out_of_memory
from onestop.images.time_limit import Threads
from onestop.optim.optimizers import zero_grad
from onestop.runtime import memory
from onestop.runtime.memory import give_freed_memory_back
from onestop.training.setup import Session
from onestop.training.state import Progress
from onestop.training.step import LocalStep

_Result = TypeVar("_Result")
_READING = 16  # bytes that reading takes per input element: batches ahead, and in 32 bits
_SAVING = 6  # ... and saving per byte of the network: average and momentum too, each written out
_SURE = 0.7  # share of what is left that can be used: the rest is lost to fragmentation


@dataclasses.dataclass(frozen=True)
class _Need:
    """What steps were measured to need, in bytes.

    Attributes:
        few: Images of the smallest step.
        of_few: What it needs.
        per_image: What each further image needs.
    """

    few: int
    of_few: int
    per_image: float

    def fit(self, left: float, reading: float = 0.0) -> int:
        """Images whose step fits into `left` bytes; `reading` is added to the need of each image."""
        per_image = max(self.per_image + reading, 1.0)
        return self.few + int((left - self.of_few - self.few * reading) / per_image)


def advice(session: Session, problem: str) -> str:
    """One line about what ran out of memory and what would fit; takes the time of a few small steps.

    Args:
        session: Of the run; the tensors of the failed step must be released.
        problem: The step's error.
    """
    recipe, shape = session.recipe, session.preprocessing.shape
    batch, cut = recipe.optim.batch_size, recipe.optim.accumulate
    size = "x".join(map(str, shape[:0:-1])) if len(shape) == 3 else f"{shape[0]} values"
    of = f"out of memory with batches of {batch} images of {size}"
    phase = session.phases().at(session.training.progress.epoch)
    _let_go(session)
    unknown = f"{of}; lower --batch-size or --image-size, or raise --accumulate"
    if phase.feature_cache or memory.available(session.plan.engine.device) is None:
        return unknown
    try:
        need = _measure(session, math.ceil(batch / cut))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return unknown
    if need is None:
        reason = problem.splitlines()[0]
        return f"{of} ({reason}), and with few; lower --image-size, or choose a smaller --model"
    fit, more = _choices(session, need)
    if fit < 1 or fit >= batch:
        return unknown
    line = f"{of}; about {fit} fit: --batch-size {fit}"
    return (
        f"{line}, or keep the batch and compute it in parts: --accumulate {more}" if more else line
    )


def _choices(session: Session, need: _Need) -> tuple[int, int]:
    """A batch that fits, and the number of parts in which the recipe's own does (0: in none)."""
    batch, cut = session.recipe.optim.batch_size, session.recipe.optim.accumulate
    left = memory.available(session.plan.engine.device) or 0
    left -= max(_saving(session), round((1 - _SURE) * left))
    reading = _READING * math.prod(session.preprocessing.shape)
    fit = cut * _rounded(need.fit(left, cut * reading))
    at_once = _rounded(need.fit(left - batch * reading))
    return fit, max(cut + 1, math.ceil(batch / at_once)) if at_once > 1 else 0


def _saving(session: Session) -> int:
    """Bytes that saving takes on the device that computes the steps."""
    if session.plan.engine.device.type == "cuda":
        return 0
    sizes: list[int] = [t.nbytes for t in session.training.network.state_dict().values()]
    return _SAVING * sum(sizes)


def _rounded(images: int) -> int:
    return images // 8 * 8 if images >= 16 else images


def _measure(session: Session, failed: int) -> _Need | None:
    """What steps of few images need; None if even they do not fit."""
    few = max(2, failed // 128)
    _aside(lambda: _need(session, few))  # makes what stays: momentum, code for these sizes
    first, second = _aside(lambda: _need(session, few)), _aside(lambda: _need(session, 4 * few))
    if first is None or second is None:
        return None
    counted = _aside(lambda: _kept(session, 2 * few) - _kept(session, few)) / few
    # Freed memory may be reused, so measured growth is a lower bound; take the larger estimate.
    return _Need(few, first, max(counted, (second - first) / (3 * few)))


def _kept(session: Session, images: int) -> int:
    """Bytes of the tensors that a step keeps for its backward pass, the largest counted three times."""
    sizes: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept)
    with hooks, session.plan.engine.autocast():
        session.training.network.train()(_batch(session, images).inputs)
    return sum(sizes.values()) + 2 * max(sizes.values(), default=0)


def _need(session: Session, images: int) -> int | None:
    """The most bytes that a step of this many images takes; None if it does not fit."""
    device = session.plan.engine.device
    trial = dataclasses.replace(session.training, average=None, scaler=None, progress=Progress())
    step = LocalStep(session.plan.engine, clip_grad=session.recipe.optim.clip_grad)
    before = memory.restart_peak(device)
    try:
        step(trial, session.task, trial.network, _batch(session, images), 0.0)
    except NonFiniteLossError:
        pass  # the rest of the step takes less
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        _let_go(session)
    return max(0, (memory.peak(device) or 0) - before)


def _batch(session: Session, images: int) -> Batch:
    first = np.zeros(images, np.int64)  # as many times the first sample's target
    inputs = session.plan.engine.place_inputs(torch.zeros(images, *session.preprocessing.shape))
    return Batch(inputs, session.loaders["train"].targets(first), first)


def _aside(look: Callable[[], _Result]) -> _Result:
    """The result of a function, computed in a thread of its own.

    oneDNN remembers per thread that there was no room for its code, and then never tries again.
    """
    pool: Threads[None, _Result] = Threads(1, "onestop-aside")
    try:
        future = pool.submit(lambda _: look(), None)
    except RuntimeError as error:  # no room for a thread's stack
        raise MemoryError(str(error)) from None
    try:
        return pool.result(future)
    finally:
        pool.close()


def _let_go(session: Session) -> None:
    zero_grad(session.training.optimizer)
    gc.collect()
    give_freed_memory_back()
    if session.plan.engine.device.type == "cuda":
        torch.cuda.empty_cache()
