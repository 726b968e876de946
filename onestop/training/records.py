"""What the training loop yields: a record after each step and after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

    from onestop.metrics import Metrics

Value: TypeAlias = "float | Tensor"
"""A number; on a GPU a tensor of one element, so that only reading it waits for the GPU."""


@dataclass(frozen=True)
class StepRecord:
    """A step is done. `loss` is of the batch just seen; the rest is of the epoch so far.

    Attributes:
        epoch: Counted from 1.
        step: Steps done in the whole run.
        steps: Steps of the whole run.
        loss: Mean over the batch; NaN if the batch was too small to learn from.
        train_loss: Mean over the images seen in this epoch.
        train_metrics: The same of the metrics that are summed while training, by name.
        images: Images seen in this epoch.
        lr: Learning rate of the step.
        data_time: Seconds that this process has waited for images in this epoch.
    """

    epoch: int
    step: int
    steps: int
    loss: Value
    train_loss: Value
    train_metrics: Mapping[str, Value]
    images: int
    lr: float
    data_time: float = 0.0


@dataclass(frozen=True)
class EpochRecord:
    """An epoch is over and has been evaluated.

    Attributes:
        epoch: Counted from 1.
        row: The columns of metrics.csv.
        best: Whether no epoch so far was better.
        finite: Whether the network's outputs for the images that it was scored on, or tried on, were
            finite. If not, the row has no validation metrics.
    """

    epoch: int
    row: Metrics
    best: bool
    finite: bool = True
