"""Telling inputs that are unlike the training data, by the distance of their features.

The distance is Mahalanobis' of the features scaled to length 1 (Mueller and Hein 2025,
"Mahalanobis++", https://arxiv.org/abs/2505.18032; Lee et al. 2018, https://arxiv.org/abs/1807.03888),
with the covariance of all training images shrunk towards a multiple of the identity (Ledoit and Wolf
2004) and kept along its largest directions only, plus the squared deviation of the logarithm of the
length. No classes are needed, so it is the same for every task.
`benchmarks/results/confidence.md` compares it with nearest neighbours.

Legend: N images, H held-out images, F features, R directions.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]

FALSE_ALARMS = 0.05
"""The share of images like the held-out ones that is flagged."""
FEWEST = 20
"""The fewest images to learn from, and the fewest held-out images that a threshold follows from."""
BYTES = 2**18
"""Of a detector at most: 256 KiB."""
WIDEST = 2**14
"""The most features."""
_DIRECTIONS = 32
_TINY = 1e-12
_ROUNDING = 1e-10  # of the largest variance


@dataclass(frozen=True)
class Outliers:
    """What the features of training data look like, and how far away is too far.

    Attributes:
        mean: [F] float32, of the features scaled to length 1.
        directions: [R, F] float32, orthonormal; those of the largest variance.
        variances: [R] shrunk variances along them.
        rest: The variance along each other direction.
        length: Mean and variance of the logarithm of the features' length.
        threshold: Distances above it are flagged.
        images: Training images that it learned from.
        held_out: Held-out images that the threshold is from.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: NDArray[np.float64]
    rest: float
    length: tuple[float, float]
    threshold: float = math.inf
    images: int = 0
    held_out: int = 0

    def distances(self, features: Floats) -> NDArray[np.float64]:
        """[N] squared distances of features [N, F]; not a number where a feature is none."""
        units, logs = _scaled(features)
        away = units - self.mean
        along = away @ self.directions.T  # [N, R]
        squares = along.astype(np.float64) ** 2
        others = np.maximum((away.astype(np.float64) ** 2).sum(1) - squares.sum(1), 0.0)
        lengths = (logs - self.length[0]) ** 2 / self.length[1]
        total = (squares / self.variances).sum(1) + others / self.rest + lengths
        return np.asarray(total, np.float64)

    def flags(self, features: Floats) -> NDArray[np.bool_]:
        """[N] whether features [N, F] are unlike those of the training data."""
        return ~(self.distances(features) <= self.threshold)


def learn(features: Floats, held_out: Floats) -> Outliers | None:
    """Learn what features look like; None with fewer than `FEWEST` images of either kind.

    The threshold is the (1 - `FALSE_ALARMS`) (H + 1)-th smallest of the distances of the held-out
    images, so that another image like them is above it with a probability of at most `FALSE_ALARMS`
    (split conformal prediction), whatever their distribution, and also if training has overfitted.

    Args:
        features: [N, F] of training images.
        held_out: [H, F] of images without any part in training.
    """
    features = features[np.isfinite(features).all(1)]
    if min(len(features), len(held_out)) < FEWEST or features.shape[1] > WIDEST:
        return None
    try:
        learned = _learned(features)
    except np.linalg.LinAlgError:  # of features beyond all reason
        return None
    distances = np.sort(learned.distances(held_out))  # those that are no numbers come last
    place = math.ceil((1 - FALSE_ALARMS) * (len(distances) + 1)) - 1
    threshold = float(distances[place])
    if not math.isfinite(threshold):
        return None
    return dataclasses.replace(
        learned, threshold=threshold, images=len(features), held_out=len(held_out)
    )


def _learned(features: Floats) -> Outliers:
    units, logs = _scaled(features)
    width = units.shape[1]
    mean = units.mean(0, dtype=np.float64).astype(np.float32)
    away = (units - mean).astype(np.float64)
    variances, directions = _principal(away)
    kept = min(len(variances), _directions(width))
    level = max(float(variances.sum()) / width, _TINY)
    shrinkage = _shrinkage(variances, away, level)
    shrunk = (1 - shrinkage) * variances + shrinkage * level
    others = (1 - shrinkage) * float(variances[kept:].sum()) + shrinkage * level * (width - kept)
    rest = others / (width - kept) if kept < width else level  # what is left then is rounding
    return Outliers(
        mean,
        directions[:kept].astype(np.float32),
        np.maximum(shrunk[:kept], _TINY),
        max(rest, _TINY),
        (float(logs.mean()), max(float(logs.var()), _TINY)),
    )


def _principal(away: Floats) -> tuple[Floats, Floats]:
    """Variances, largest first, and directions [min(N, F), F] of features [N, F] without mean.

    From the smaller one of two symmetric matrices, which is ten times as fast as the singular values. A
    direction without variance is 0.
    """
    count, width = away.shape
    wide = count < width
    values, vectors = np.linalg.eigh(away @ away.T if wide else away.T @ away)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
    if wide:
        kept = values > _ROUNDING * values[0]
        lengths = np.sqrt(np.where(kept, values, 1.0))
        vectors = np.where(kept, 1 / lengths, 0.0)[:, None] * (vectors @ away)
    return values / count, vectors


def _shrinkage(variances: Floats, away: Floats, level: float) -> float:
    """Ledoit and Wolf's weight of the identity.

    Args:
        variances: The eigenvalues of the covariance.
        away: [N, F] features without their mean.
        level: The mean of all F eigenvalues.
    """
    count, width = away.shape
    squares = float((variances**2).sum())
    fourth = float(((away**2).sum(1) ** 2).mean())
    spread = max(squares - width * level**2, _TINY**2)
    return float(np.clip((fourth - squares) / count / spread, 0.0, 1.0))


def _directions(width: int) -> int:
    """R for F features."""
    return max(1, min(_DIRECTIONS, BYTES // (4 * width) - 1))


def _scaled(features: Floats) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Features scaled to length 1, [N, F], and the logarithms of their lengths, [N]."""
    lengths = np.sqrt((features.astype(np.float64) ** 2).sum(1))
    units = features / np.maximum(lengths, _TINY)[:, None]
    return units.astype(np.float32), np.log(np.maximum(lengths, _TINY))
