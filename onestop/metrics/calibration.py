"""Whether a network is right as often as it says it is.

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
    """Images sorted into bins by the probability of what was predicted.

    Attributes:
        edges: [M + 1] of the bins, of equal width over 0 to 1.
        counts: [M] images in each.
        confidence: [M] mean probability in each; 0 where it is empty.
        accuracy: [M] share that was right; 0 where it is empty.
        error: Expected calibration error: the mean distance of the two over all images.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float

    @property
    def leaning(self) -> float:
        """Mean confidence less accuracy: above 0 the network is too sure, below 0 too modest."""
        total = max(int(self.counts.sum()), 1)
        return float(((self.confidence - self.accuracy) * self.counts).sum() / total)


def calibration(scores: ArrayLike, right: ArrayLike, bins: int = BINS) -> Calibration:
    """The reliability curve and the expected calibration error.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2,
    https://arxiv.org/abs/1706.04599.

    Args:
        scores: [N] probabilities of what was predicted, in 0..1.
        right: [N] whether it was right.
        bins: M, of equal width; each holds its upper end.
    """
    score, hit = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.float64)
    place = np.clip(np.ceil(score * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    below = np.maximum(counts, 1)
    confidence = np.bincount(place, score, minlength=bins) / below
    accuracy = np.bincount(place, hit, minlength=bins) / below
    error = float((np.abs(confidence - accuracy) * counts).sum() / max(len(score), 1))
    return Calibration(np.linspace(0, 1, bins + 1), counts, confidence, accuracy, error)
