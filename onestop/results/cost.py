"""The estimated cost of a run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """The cost of a run as measured by `--dry-run`; times in seconds, memory in bytes.

    Attributes:
        network: Name of the network; `parameters` is its number of parameters.
        images: Training images; `validation_images` are scored after each epoch.
        steps_per_epoch: Steps per epoch.
        epochs: Epochs that remain to be trained.
        phases: Groups of epochs with the same cost, in order.
        preparation: Reading the data set and building everything, once.
        starting: Extra time of the first steps, including compilation, once.
        final: Scoring the best network on held-out images, once.
        total: Everything, except importing Python and torch.
        peak_memory: Peak memory of the process, or of tensors on a GPU; None if the system does not
            report it.
        bound_by: What limits the speed, in words.
    """

    network: str
    parameters: int
    device: str
    images: int
    validation_images: int
    steps_per_epoch: int
    batch_size: int
    epochs: int
    phases: tuple[Phase, ...]
    preparation: float
    starting: float
    final: float
    total: float
    peak_memory: int | None
    bound_by: str

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Phase:
    """Epochs of a run with the same cost; times in seconds.

    Attributes:
        epochs: Number of epochs.
        frozen: What is not trained in them: `none`, `backbone`, or a number of stages.
        once: Computing the cached features of a frozen backbone, once.
        training: The steps of an epoch.
        evaluation: Scoring the validation split after an epoch.
        images_per_second: Training images per second, over the steps of an epoch.
        waiting: Fraction of `once` and `training` spent waiting for images.
    """

    epochs: int
    frozen: str
    once: float
    training: float
    evaluation: float
    images_per_second: float
    waiting: float

    @property
    def seconds(self) -> float:
        """The time of all its epochs."""
        return self.once + self.epochs * (self.training + self.evaluation)
