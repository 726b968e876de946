"""A task's loss of outputs that are at hand already."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from onestop.data.batch import Batch
from onestop.tasks import Task
from onestop.tasks.task import Loss


def loss_of(task: Task[Any], outputs: Any, targets: Tensor) -> Loss:
    """What a step computes if the network gives these outputs."""
    return task.loss(lambda _: outputs, batch_of(targets, targets))


def batch_of(inputs: Tensor, targets: Tensor) -> Batch:
    """A batch of the first images of a split."""
    return Batch(inputs, targets, np.arange(len(targets)))
