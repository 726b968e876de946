"""After a step ran out of memory: which batch would fit, found by trying.

What a step needs an image is counted first, so that nothing is tried that the machine cannot hold (a
system that hands out more than it has ends the process); then steps are taken until one goes through.
The network and its optimizer are of no use afterwards.
"""

from __future__ import annotations

import dataclasses
import gc
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from onestop import memory
from onestop.allocator import give_freed_memory_back
from onestop.assembly import Parts
from onestop.data.stream import Batch
from onestop.errors import NonFiniteLossError, is_out_of_memory
from onestop.learning.optimizers import set_rate
from onestop.loop import frozen_in, take_step
from onestop.state import Progress

_FEWEST = 2  # images: BatchNorm can make nothing of a single one
_Found = TypeVar("_Found")
_READING = 16  # bytes that reading takes for a number of input: batches ahead, and as 32 bits
_SAVING = 6  # ... and saving for one of the network: average and momentum too, each written out


def advice(parts: Parts, problem: str) -> str:
    """One line on what ran out of memory and what would fit.

    `problem` is what the step said. To be called once the failed step's tensors are let go of; takes
    the time of a few steps.
    """
    recipe, shape = parts.recipe, parts.preprocessing.shape
    assert recipe.batch_size is not None
    epoch = parts.training.progress.epoch
    short = parts.shortcut and frozen_in(recipe, epoch) == "backbone"
    batch, cut = recipe.batch_size, recipe.accumulate
    now = math.ceil(batch / cut)
    size = "x".join(map(str, shape[:0:-1])) if len(shape) == 3 else f"{shape[0]} numbers"
    of = f"out of memory with batches of {batch} images of {size}"
    _let_go(parts)
    guess = now if short else _guess(parts)
    if short or (guess >= now and _runs(parts, batch, cut)):
        return (
            f"{of}, yet not in a step: in reading images, evaluating or saving; lower --image-size, or "
            "choose a smaller --model"
        )
    fit = _largest(parts, min(guess, now - 1))
    if not fit:
        return (
            f"{of} ({problem.splitlines()[0]}); not even {_FEWEST} fit: lower --image-size, or "
            "choose a smaller --model"
        )
    once = " at once" if cut > 1 else ""
    line = f"{of}; about {fit} fit{once}: --batch-size {fit * cut}"
    more = _parts_needed(parts, fit)
    return (
        f"{line}, or keep the batch and compute it in parts: --accumulate {more}" if more else line
    )


def _guess(parts: Parts) -> int:
    """Images that should fit: what is left, by what a step keeps of an image for its gradients."""
    left = memory.available(parts.engine.device)
    if left is None:
        return parts.recipe.batch_size or 1
    few, more = _aside(lambda: (_kept(parts, _FEWEST), _kept(parts, 2 * _FEWEST)))
    an_image = max((more - few) / _FEWEST, 1)
    return max(_FEWEST, int((left - few) / an_image) + _FEWEST)


def _kept(parts: Parts, images: int) -> int:
    """Bytes of distinct tensors kept for the backward pass, and twice the largest for its own."""
    sizes: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = _batch(parts, images)
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept),
        parts.engine.autocast(),
    ):
        outputs = parts.training.network.train()(batch.inputs)
    del outputs
    step = sum(sizes.values()) + 2 * max(sizes.values(), default=0)
    return step if parts.engine.device.type == "cuda" else step + _beside(parts, images)


def _largest(parts: Parts, most: int) -> int:
    """Images of the largest part that goes through, a round number below it; 0 where none does."""
    images = most
    while images >= _FEWEST:
        if _runs(parts, images, 1):
            return images // 8 * 8 if images >= 16 else images
        images = images * 3 // 4
    return 0


def _parts_needed(parts: Parts, fit: int) -> int:
    """Parts to compute the whole batch in; 0 where it does not fit in any number of parts."""
    batch = parts.recipe.batch_size or 1
    cut = math.ceil(batch / fit)
    while cut <= batch // 2:
        if _runs(parts, batch, cut):
            return cut
        cut *= 2
    return 0


def _runs(parts: Parts, images: int, cut: int) -> bool:
    """Whether a step of so many images in so many parts finds the memory it needs."""
    runs = _aside(lambda: _try(parts, images, cut))
    _let_go(parts)
    return runs


def _try(parts: Parts, images: int, cut: int) -> bool:
    recipe = dataclasses.replace(parts.recipe, accumulate=cut)
    trial = dataclasses.replace(parts.training, average=None, scaler=None, progress=Progress())
    trial.progress.place(parts.engine.device)
    set_rate(trial.optimizer, 0.0)
    try:
        beside = torch.empty(_beside(parts, images), dtype=torch.uint8)  # held, not used
        take_step(trial, trial.network, parts.task, _batch(parts, images), recipe, parts.engine)
        del beside
    except NonFiniteLossError:
        return True  # the rest of the step takes less
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def _beside(parts: Parts, images: int) -> int:
    """Bytes of main memory that a run takes beside its steps."""
    network: int = sum(tensor.nbytes for tensor in parts.training.network.state_dict().values())
    return _SAVING * network + _READING * images * math.prod(parts.preprocessing.shape)


def _aside(look: Callable[[], _Found]) -> _Found:
    """What a function finds in a thread of its own.

    oneDNN remembers for a thread that it found no room for its code, and then never asks again.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(look).result()


def _batch(parts: Parts, images: int) -> Batch:
    targets = parts.feeds["train"].targets[:1].expand(images)
    inputs = parts.engine.place_inputs(torch.zeros(images, *parts.preprocessing.shape))
    return Batch(inputs, parts.engine.send(targets.contiguous()), targets.numpy())


def _let_go(parts: Parts) -> None:
    parts.training.optimizer.zero_grad(set_to_none=True)
    gc.collect()
    give_freed_memory_back()
    if parts.engine.device.type == "cuda":
        torch.cuda.empty_cache()
