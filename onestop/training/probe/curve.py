"""How good a probe is with more and more training images, on folds that it has not seen.

Legend: N images, K outputs, S sizes, F folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from onestop.data.targets import Indices, Targets
from onestop.errors import DataError
from onestop.tasks import Task
from onestop.training.probe.features import Features
from onestop.training.probe.folds import FOLDS, folds_of
from onestop.training.probe.solver import Design, design, solve
from onestop.training.probe.strength import Examples, choose_strength

SEEDS = 3
"""Draws of growing subsets for each fold; one if there are many images."""
_VALUES = 2e7  # images times features times outputs up to which subsets are drawn anew
_LEVELS = 5  # halvings of the training images, at most
_TOLERANCE = 1e-4  # of the solver: what is left moves the metric by less than the draws do
_FEWEST = 10  # images in the smallest subset, at least; two of each class


@dataclass(frozen=True)
class Measured:
    """A learning curve.

    Attributes:
        sizes: Training images, [S], the fewest first.
        values: Of the metric on each held-out fold, the mean over the draws, [F, S].
    """

    sizes: NDArray[np.float64]
    values: NDArray[np.float64]


def learning_curve(
    task: Task[Any], targets: Targets, features: Features, groups: Indices | None, seed: int
) -> Measured:
    """The first metric of a task with half, a quarter, ... of the images, and all but a fold.

    Subsets are nested and hold each class in proportion; groups are not divided.

    Args:
        task: Gives the losses and the metric.
        targets: Of the training split.
        features: Of its images.
        groups: Of the images of the split; None if there are none.
        seed: Of folds and subsets.

    Raises:
        DataError: There are too few images.
    """
    targets = targets.take(features.indices)
    groups = None if groups is None else groups[features.indices]
    outputs, count = task.head().outputs, len(targets)
    folds, levels = folds_of(targets, groups, seed), _levels(count, outputs)
    if levels < 2 or len(np.unique(folds)) < FOLDS:
        raise DataError(
            f"{count:,} training images are too few for a curve; {FOLDS} times as many may do"
        )
    examples = Examples(features.values, targets.batch(np.arange(count)), folds)
    strength = choose_strength(examples, task, outputs).strength
    basis = design(examples.features)
    draws = SEEDS if examples.features.numel() * outputs <= _VALUES else 1
    sizes, values = np.zeros((FOLDS, draws, levels + 1)), np.zeros((FOLDS, draws, levels + 1))
    for fold in range(FOLDS):
        rest, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        own = None if groups is None else groups[rest]
        parts = [folds_of(targets.take(rest), own, seed + 1 + d, 2**levels) for d in range(draws)]
        for level in range(levels + 1):
            subsets = [rest[part < 2**level] for part in parts]
            sizes[fold, :, level] = [len(subset) for subset in subsets]
            values[fold, :, level] = _metrics(task, basis, examples, subsets, held, strength)
    return Measured(sizes.mean((0, 1)), values.mean(1))


def _levels(count: int, outputs: int) -> int:
    """How often the training images can be halved."""
    smallest = max(_FEWEST, 2 * outputs)
    halvings = np.log2(max(1.0, count * (FOLDS - 1) / FOLDS / smallest))
    return min(_LEVELS, int(halvings))


def _metrics(
    task: Task[Any], basis: Design, examples: Examples, subsets: list[Indices], held: Indices,
    strength: float,
) -> list[float]:  # fmt: skip
    """The metric on some images of heads that are fitted to subsets of others, one for each."""
    together = np.unique(np.concatenate(subsets))
    train, test = torch.from_numpy(together), torch.from_numpy(held)
    targets = examples.targets[train]
    solutions = solve(
        basis.rows[train], lambda o: task.losses(o, targets), task.head().outputs, task.curvature,
        torch.full((len(subsets),), strength, dtype=torch.float64),
        torch.stack([torch.from_numpy(np.isin(together, s)).double() for s in subsets]),
        tolerance=_TOLERANCE,
    )  # fmt: skip
    values = []
    for solution in solutions:
        meter = task.meter()
        meter.update((basis.rows[test] @ solution).float(), examples.targets[test])
        values.append(float(meter.compute()[task.metrics[0].name]))
    return values
