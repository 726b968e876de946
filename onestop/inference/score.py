"""Scoring a network on the batches of a split.

Legend: B inputs of a batch, K outputs, N samples, F features.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onestop.data.batch import Batch
from onestop.errors import DataError
from onestop.metrics import Metrics
from onestop.networks.features import Features
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
    """The metrics of a split and, if requested, the outputs and the features behind them.

    `sizes` are the numbers of samples of the batches, which the last bits of sums depend on.
    """

    metrics: Metrics
    indices: list[int] = field(default_factory=list)
    outputs: Any = None  # of N images, as the task gives them; None if they were not requested
    features: Tensor | None = None  # [N, F], float32
    sizes: list[int] = field(default_factory=list)


def score(
    network: nn.Module,
    task: Task[Any],
    batches: Iterable[Batch],
    engine: Engine,
    *,
    keep_outputs: bool = False,
    layer: str | None = None,
) -> Scored:
    """Score a network on every sample of some batches, such as those of `Loader.in_order`.

    Args:
        network: In any mode.
        task: What its outputs mean.
        batches: Of the split.
        engine: Device and precision.
        keep_outputs: Whether to keep the outputs.
        layer: Keep features too, those that this layer takes in; see `onestop.networks.features`.
    """
    meter, stored, features, scored = task.meter(), list[Any](), list[Tensor](), Scored({})
    caught = None if layer is None else Features(network, layer)
    with caught or nullcontext():
        for indices, targets, outputs in outputs_of(network, task, batches, engine):
            meter.update(outputs, targets)
            if caught:
                features.append(caught.take(outputs))
            if keep_outputs:
                stored.append(task.collect([outputs]))
                scored.indices += indices.tolist()
                scored.sizes.append(len(indices))
    scored.metrics = meter.compute()
    scored.outputs = task.collect(stored) if stored else None
    scored.features = torch.cat(features) if features else None
    return scored


def measured(task: Task[Any], scored: Scored, targets: Any) -> Scored:
    """The same outputs with the metrics of another task, such as one that has been settled since."""
    meter, first = task.meter(), 0
    assert scored.outputs is not None
    for size in scored.sizes:
        part = slice(first, first + size)
        meter.update(scored.outputs[part], targets[part])
        first += size
    return dataclasses.replace(scored, metrics=meter.compute())


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
