"""How strongly a linear head is penalised: chosen by cross-validation on the training split.

Legend: N images, F features, K outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onestop.data.targets import Indices
from onestop.tasks import Task
from onestop.training.probe.solver import Design, design, solve

STRENGTHS = tuple(10.0**e for e in range(-1, 6))
"""Strengths that are tried first; then those half a decade from the best."""
MOST = 4000
"""Images that strengths are tried on, at most; the head itself is fitted to all."""
_VALUES = 4e9  # outputs times features of all images and problems, at most
_USUAL = 10.0  # where there are too few images to try any


@dataclass(frozen=True)
class Examples:
    """What a head is fitted to.

    Attributes:
        features: float [N, F].
        targets: Of the same images.
        folds: Of the same images, [N].
        seen: Features of the same images as they are in evaluation, [N, F]; those that are fitted to
            may be averages over several versions. None: they are the same.
    """

    features: Tensor
    targets: Any
    folds: Indices
    seen: Tensor | None = None

    def take(self, places: Indices) -> Examples:
        """Some of them."""
        rows = torch.from_numpy(places)
        seen = None if self.seen is None else self.seen[rows]
        return Examples(self.features[rows], self.targets[rows], self.folds[places], seen)


@dataclass(frozen=True)
class Chosen:
    """A strength, and what cross-validation says of it.

    Attributes:
        strength: Of the penalty.
        loss: Mean over the images; infinite if there were too few to try any.
        outputs: Out of fold, float64 [n, K], of the images that strengths were tried on.
        places: Their places in the examples, [n].
    """

    strength: float
    loss: float
    outputs: Tensor
    places: Indices


def choose_strength(examples: Examples, task: Task[Any], outputs: int) -> Chosen:
    """The strength with the lowest cross-validated loss.

    Args:
        examples: Of the training split.
        task: Gives the losses.
        outputs: K.
    """
    places = _some(examples, outputs)
    examples = examples.take(places)
    folds = np.unique(examples.folds)
    if len(folds) < 2:
        empty = torch.zeros(0, outputs, dtype=torch.float64)
        return Chosen(_USUAL, float("inf"), empty, places[:0])
    basis = design(examples.features)
    tried = _tried(basis, examples, task, outputs, STRENGTHS)
    best = min(tried, key=lambda one: one.loss).strength
    tried += _tried(basis, examples, task, outputs, (best / 10**0.5, best * 10**0.5))
    chosen = min(tried, key=lambda one: one.loss)
    return Chosen(chosen.strength, chosen.loss, chosen.outputs, places)


def fit(
    examples: Examples, task: Task[Any], outputs: int, strength: float
) -> tuple[Tensor, Tensor]:
    """Weight [K, F] and bias [K] of the head, float64, fitted to all examples."""
    basis = design(examples.features)
    members = torch.ones(1, len(basis.rows), dtype=torch.float64)
    solution = solve(
        basis.rows, lambda o: task.losses(o, examples.targets), outputs, task.curvature,
        torch.tensor([strength], dtype=torch.float64), members, tolerance=1e-7,
    )  # fmt: skip
    return basis.unfold(solution[0])


def _some(examples: Examples, outputs: int) -> Indices:
    """Places of the examples that strengths are tried on: as many of each fold as there are."""
    count, features = examples.features.shape
    problems = len(STRENGTHS) * max(1, len(np.unique(examples.folds)))
    most = max(200, min(MOST, int(_VALUES / (features * outputs * problems))))
    if count <= most:
        return np.arange(count)
    # Folds were filled at random and evenly, class by class: so are every so many of each of them.
    order = np.argsort(examples.folds, kind="stable")
    return np.sort(order[np.linspace(0, count - 1, most).round().astype(np.int64)])


def _tried(
    basis: Design, examples: Examples, task: Task[Any], outputs: int, strengths: Sequence[float]
) -> list[Chosen]:
    folds = torch.from_numpy(examples.folds)
    numbers = torch.unique(folds)
    pairs = [(strength, fold) for strength in strengths for fold in numbers]
    solutions = solve(
        basis.rows, lambda o: task.losses(o, examples.targets), outputs, task.curvature,
        torch.tensor([strength for strength, _ in pairs], dtype=torch.float64),
        torch.stack([(folds != fold).double() for _, fold in pairs]),
    )  # fmt: skip
    rows = basis.rows if examples.seen is None else basis.place(examples.seen)
    tried = []
    for number, strength in enumerate(strengths):
        out = torch.zeros(len(rows), outputs, dtype=torch.float64)
        for place, fold in enumerate(numbers):
            held = folds == fold
            out[held] = rows[held] @ solutions[number * len(numbers) + place]
        loss = float(task.losses(out, examples.targets).mean())
        tried.append(Chosen(strength, loss, out, np.arange(len(rows))))
    return tried


def out_of_fold(examples: Examples, task: Task[Any], outputs: int, strength: float) -> Tensor:
    """Outputs for every example of a head that was fitted to the other folds, float64 [N, K].

    Args:
        examples: In two folds at least.
        task: Gives the losses.
        outputs: K.
        strength: Of the penalty.
    """
    return _tried(design(examples.features), examples, task, outputs, (strength,))[0].outputs
