"""What a run would take."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """What a run would take, as `--dry-run` found it; times in seconds, memory in bytes.

    Attributes:
        network: Its name, and `parameters` how many numbers it has.
        images: Training images; `validation_images` are those scored after each epoch.
        steps_per_epoch: Batches of an epoch.
        epochs: Epochs that a run has to go.
        phases: Stretches of epochs that cost alike, in order.
        preparation: Reading the data set and building everything, once.
        starting: What first steps take longer, compiling included, once.
        final: Scoring the best network on held-out images, once.
        total: All of it, without the time in which Python and torch are loaded.
        peak_memory: The most taken at once: by the process, on a GPU by tensors; None where the
            system does not say.
        bound_by: In words, what keeps it from being faster.
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
    """Epochs of a run that cost alike; times in seconds.

    Attributes:
        epochs: How many.
        frozen: What does not learn in them: `none`, `backbone`, or a number of stages.
        once: What is computed once and kept: a frozen backbone's pass over the views of all images.
        training: An epoch's steps.
        evaluation: Scoring the validation split after an epoch.
        images_per_second: Training images, over an epoch's steps.
        waiting: Share of the time of steps and of what is computed once that is spent waiting for
            images.
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
        """Of all its epochs."""
        return self.once + self.epochs * (self.training + self.evaluation)
