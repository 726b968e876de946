"""The metrics of several labels per image, batch by batch; outputs and targets as NumPy arrays.

Legend: B images of a batch, N of a split, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.metrics import Metrics
from onestop.metrics.multilabel import (
    average_precision,
    label_counts,
    multilabel_metrics,
    predicted_labels,
)
from onestop.tasks.meter import Meter, in_order

if TYPE_CHECKING:
    from onestop.tasks.labels_prediction import Probabilities

Truth = NDArray[np.bool_]


class MultilabelMeter(Meter[Tensor]):
    """Keeps the probabilities and labels of all images: average precision needs all of them at once."""

    def __init__(
        self,
        names: Sequence[str],
        thresholds: Sequence[float],
        calibrated: Callable[[Tensor], Tensor] = Tensor.float,
    ) -> None:
        """`calibrated` gives the logits of the probabilities for outputs [B, L]."""
        self._calibrated = calibrated
        self._names, self._thresholds = tuple(names), np.asarray(thresholds)
        self._scores = [np.zeros((0, len(names)), np.float32)]
        self._truth = [np.zeros((0, len(names)), np.bool_)]
        self._losses: list[float] = []  # one per batch

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        outputs, targets = self._calibrated(outputs).cpu(), targets.cpu()
        self._scores.append(probabilities(outputs))
        self._truth.append(truth_of(targets))
        self._losses.append(float(losses_of(outputs, targets).sum()))

    def merge(self, other: Self) -> None:
        self._scores += other._scores
        self._truth += other._truth
        self._losses += other._losses

    def compute(self) -> Metrics:
        scores, truth = np.concatenate(self._scores), np.concatenate(self._truth)
        counts = label_counts(predicted_labels(scores, self._thresholds), truth)
        ap, loss = average_precision(scores, truth), in_order(self._losses)
        return multilabel_metrics(counts, ap, self._thresholds, loss, self._names)


def probabilities(outputs: Tensor) -> Probabilities:
    """The probability of each label, float32 [B, L]; 0 for outputs that are NaN."""
    scores: Probabilities = outputs.float().cpu().sigmoid().nan_to_num(0.0).numpy()
    return scores


def truth_of(targets: Tensor) -> Truth:
    """Whether each image has each label, [B, L]; shares are rounded."""
    return targets.cpu().numpy() > 0.5


def losses_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of each image, [B]: the sum over its labels."""
    return F.binary_cross_entropy_with_logits(outputs.float(), targets, reduction="none").sum(1)
