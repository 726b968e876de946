"""Labels that look wrong, by a linear head on features that has not seen them.

Each image is judged by a head that was fitted to the other folds; see
`onestop/metrics/confident_learning.py` and the hook `doubts` of a task.

Legend: N images, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onestop.data.dataset import Dataset
from onestop.data.targets import Indices, Targets
from onestop.linting.findings import Place
from onestop.linting.label_issues import LabelIssue, LabelIssues, few_images
from onestop.tasks import Task
from onestop.training.probe.features import Features
from onestop.training.probe.folds import FOLDS, folds_of
from onestop.training.probe.strength import Examples, choose_strength, out_of_fold

_VALUES = 4e9  # outputs times features of all images and folds, at most: seconds on two cores
_NO_FEATURES = "labels cannot be judged: the network gives no finite features"
_FEWEST = 1000  # images that are checked all the same


def label_issues(
    task: Task[Any], dataset: Dataset, features: Mapping[str, Features], seed: int,
    strength: float | None = None, *, images: int = 0,
) -> LabelIssues:  # fmt: skip
    """The images of some splits whose label looks wrong.

    Args:
        task: Gives the losses, and says which outputs do not go with a target.
        dataset: The splits.
        features: Of the splits to check.
        seed: Of the folds.
        strength: Of the penalty; by default it is chosen by cross-validation.
        images: Of the splits, if there are more than have features.
    """
    features = {split: of for split, of in features.items() if len(of.indices)}
    if not features or not task.curvature:
        return LabelIssues(note=_NO_FEATURES)
    places = [
        Place(split, index) for split, of in features.items() for index in of.indices.tolist()
    ]
    targets = _targets(dataset, features)
    values = torch.cat([of.values for of in features.values()])
    if not torch.isfinite(values).all():
        return LabelIssues(note=_NO_FEATURES)
    folds = folds_of(targets, _groups(dataset, features), seed)
    some = _some(folds, values.shape[1] * task.head().outputs)
    examples = Examples(values, targets.batch(np.arange(len(targets))), folds).take(some)
    if len(np.unique(examples.folds)) < 2:
        return LabelIssues(note=few_images(targets))
    outputs = _outputs(task, examples, strength)
    doubts = task.doubts(outputs, examples.targets)
    chosen = [places[some[doubt.place]] for doubt in doubts]
    found = [
        LabelIssue(dataset.splits[at.split].name(at.index), d.label, d.suggested, d.score, at.split)
        for d, at in zip(doubts, chosen, strict=True)
    ]
    total = max(images, len(places))
    part = f"only {len(some):,} of {total:,} labels were judged" if len(some) < total else ""
    note = "; ".join(filter(None, (part, few_images(targets))))
    return LabelIssues(tuple(found), tuple(chosen), len(some), note)


def _outputs(task: Task[Any], examples: Examples, strength: float | None) -> Tensor:
    count = task.head().outputs
    if strength is None:
        strength = choose_strength(examples, task, count).strength
    return out_of_fold(examples, task, count, strength)


def _targets(dataset: Dataset, features: Mapping[str, Features]) -> Targets:
    """The targets of the images with features, split by split."""
    first, *others = (
        dataset.splits[split].targets.take(of.indices) for split, of in features.items()
    )
    return first.joined(others) if others else first


def _groups(dataset: Dataset, features: Mapping[str, Features]) -> Indices | None:
    """The groups of the same images; None unless all splits have them."""
    if not all(len(dataset.groups.get(s, ())) == len(dataset.splits[s]) for s in features):
        return None
    return np.concatenate([dataset.groups[split][of.indices] for split, of in features.items()])


def _some(folds: Indices, values: int) -> Indices:
    """The images to judge: all, or of too many as large a part of each fold."""
    most = max(_FEWEST, int(_VALUES / (values * FOLDS)))
    if len(folds) <= most:
        return np.arange(len(folds))
    order = np.argsort(folds, kind="stable")
    return np.sort(order[np.linspace(0, len(folds) - 1, most).round().astype(np.int64)])
