"""Statistical certainty of metrics: 95 % confidence intervals, and whether two models differ.

Legend: N images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z = 1.959963984540054  # standard deviations that hold 95 % of a normal distribution
_RESAMPLES = 1000


def wilson(hits: ArrayLike, count: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends of Wilson's 95 % interval for proportions, vectorised.

    It is valid for few images and for proportions near 0 and 1 too, unlike the normal approximation
    (Wilson 1927; Brown, Cai and DasGupta 2001, https://doi.org/10.1214/ss/1009213286). SciPy has it
    for one proportion at a time, and importing it takes longer than a report of a thousand classes.

    Args:
        hits: Number of successes.
        count: Number of trials; without any the interval is 0 to 1.
    """
    n = np.asarray(count, dtype=np.float64)
    share = np.asarray(hits, dtype=np.float64) / np.maximum(n, 1)
    n = np.maximum(n, 1e-12)
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def root_mean(squares: ArrayLike, seed: int = 0) -> tuple[float, float]:
    """Both ends of a 95 % interval for the root mean squared error, by resampling.

    The percentile bootstrap (Efron 1979) with a thousand resamples; the same seed gives the same ends.

    Args:
        squares: [N] squared errors; without any both ends are 0.
        seed: Seed of the resampling.
    """
    values = np.asarray(squares, dtype=np.float64)
    if not len(values):
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)]
    low, high = np.sqrt(np.percentile(means, (2.5, 97.5)))
    return float(low), float(high)


@dataclass(frozen=True)
class Paired:
    """Two models on the same N images.

    Attributes:
        images: N.
        both: Images that both models classify correctly; `neither`: that neither does.
        only_first: Images that only the first classifies correctly; `only_second`: only the second.
        difference: Accuracy of the second minus that of the first; `low` and `high` are the ends of
            its 95 % interval.
        p: p-value of McNemar's exact test: the probability of a difference at least this large if
            the models are equally good.
    """

    images: int
    both: int
    neither: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
    """Compare two models image by image (McNemar 1947, https://doi.org/10.1007/BF02295996).

    Only images on which exactly one of them is right matter. The interval is Wald's for a difference
    of paired proportions.

    Args:
        first: [N] whether the first model is right.
        second: [N] whether the second is, in the same order.
    """
    from scipy.stats import binomtest

    n = len(first)
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    difference = (c - b) / max(n, 1)
    half = _Z * math.sqrt(max(b + c - (b - c) ** 2 / max(n, 1), 0.0)) / max(n, 1)
    return Paired(
        images=n,
        both=int((first & second).sum()),
        neither=int((~first & ~second).sum()),
        only_first=b,
        only_second=c,
        difference=difference,
        low=max(difference - half, -1.0),
        high=min(difference + half, 1.0),
        p=float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0,
    )
