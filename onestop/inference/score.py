"""Scoring a network on the batches of a split.

Legend: B inputs of a batch, N samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onestop.data.batch import Batch
from onestop.errors import DataError
from onestop.metrics import Metrics
from onestop.runtime.device import Engine
from onestop.runtime.signals import check
from onestop.tasks.task import Task
from onestop.text import listing

_VALUES = 2**22
"""Input values per batch, approximately; more do not fit the caches of a CPU."""


NOT_FINITE = "the network's output is not finite (NaN or infinite), so it predicts nothing"


def are_finite(outputs: Any) -> list[bool]:
    """Whether all that a network gives for an image is finite, for each of B images.

    Args:
        outputs: A tensor [B, ...], or a list of B tensors.
    """
    if isinstance(outputs, Tensor):
        return torch.isfinite(outputs).flatten(1).all(1).tolist()
    return [bool(torch.isfinite(output).all()) for output in outputs]


def require_finite(task: Task[Any], outputs: Any, names: Sequence[str], source: str) -> None:
    """Refuse outputs that are not finite: metrics of them would mean nothing.

    Args:
        task: Whose they are.
        outputs: Of N images.
        names: Of the images.
        source: What they are from.

    Raises:
        DataError: The message counts them.
    """
    wrong = [name for name, fine in zip(names, task.are_finite(outputs), strict=True) if not fine]
    if wrong:
        raise DataError(
            f"{source}: {NOT_FINITE.partition(',')[0]} for {len(wrong):,} of {len(names):,} images "
            f"({listing(wrong, 3)}); it cannot be scored; train it again with a lower --lr"
        )


def batch_size(shape: tuple[int, ...]) -> int:
    """Batch size for inputs of a shape, (C, H, W) or (F,).

    It can change the last bits of an output, so all verbs use this one.
    """
    return min(256, max(8, _VALUES // math.prod(shape)))


@dataclass
class Scored:
    """The metrics of a split and, if requested, the outputs behind them."""

    metrics: Metrics
    indices: list[int] = field(default_factory=list)
    outputs: Any = None  # of N images, as the task gives them; None if they were not requested


def score(
    network: nn.Module,
    task: Task[Any],
    batches: Iterable[Batch],
    engine: Engine,
    *,
    keep_outputs: bool = False,
) -> Scored:
    """Score a network on every sample of some batches, such as those of `Loader.in_order`."""
    meter, stored, scored = task.meter(), [], []
    for indices, targets, outputs in outputs_of(network, task, batches, engine):
        meter.update(outputs, targets)
        if keep_outputs:
            stored.append(task.collect([outputs]))
            scored += indices.tolist()
    return Scored(meter.compute(), scored, task.collect(stored) if stored else None)


def outputs_of(
    network: nn.Module, task: Task[Any], batches: Iterable[Batch], engine: Engine
) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
    """Indices [B], targets and outputs of some batches.

    The network is in evaluation mode meanwhile and back in its former mode afterwards.
    """
    was_training, forward = network.training, engine.forward(network)
    network.eval()
    try:
        for batch in batches:
            check()
            with torch.inference_mode():
                outputs = task.predict(forward, batch.inputs)
            yield batch.indices, batch.targets, outputs
    finally:
        network.train(was_training)
