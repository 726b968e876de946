"""Calibration: whether a network is right as often as its confidence claims.

Legend: N images, M bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15
"""As in Guo et al. 2017."""


@dataclass(frozen=True)
class Calibration:
    """Images binned by the probability of the predicted class.

    Attributes:
        edges: [M + 1] edges of the bins, of equal width from 0 to 1.
        counts: [M] images per bin.
        confidence: [M] mean probability per bin; 0 for an empty bin.
        accuracy: [M] fraction of correct predictions per bin; 0 for an empty bin.
        error: Expected calibration error: the mean absolute difference of the two over all images.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float

    @property
    def overconfidence(self) -> float:
        """Mean confidence minus accuracy: positive if overconfident, negative if underconfident."""
        total = max(int(self.counts.sum()), 1)
        return float(((self.confidence - self.accuracy) * self.counts).sum() / total)


def calibration(scores: ArrayLike, right: ArrayLike, bins: int = BINS) -> Calibration:
    """The reliability curve and the expected calibration error.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2,
    https://arxiv.org/abs/1706.04599.

    Args:
        scores: [N] probabilities of the predicted classes, in [0, 1].
        right: [N] whether each prediction is correct.
        bins: M, of equal width; each includes its upper edge.
    """
    score, correct = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.float64)
    place = np.clip(np.ceil(score * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    divisors = np.maximum(counts, 1)
    confidence = np.bincount(place, score, minlength=bins) / divisors
    accuracy = np.bincount(place, correct, minlength=bins) / divisors
    error = float((np.abs(confidence - accuracy) * counts).sum() / max(len(score), 1))
    return Calibration(np.linspace(0, 1, bins + 1), counts, confidence, accuracy, error)
