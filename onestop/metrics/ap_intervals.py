"""Confidence intervals of the average precision of objects, and of the difference of two detectors.

Percentile bootstraps (Efron 1979) over images: objects of one image are alike and drawn together.

Legend: N images, R resamples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.matches import Matches, average_precisions

RESAMPLES = 200
_WORK = 2 * 10**7  # predicted objects to add up in all, which takes a few seconds


def ap_interval(matches: Matches, seed: int = 0) -> tuple[float, float]:
    """Both ends of the 95 % interval of the mean average precision.

    Args:
        matches: Of N images.
        seed: Of the resampling; the same seed gives the same ends.
    """
    return _ends(_resampled([matches], seed)[0])


def ap_difference(first: Matches, second: Matches, seed: int = 0) -> tuple[float, float]:
    """The same for that of a second detector minus that of a first one, on the same images."""
    both = _resampled([first, second], seed)
    return _ends(both[1] - both[0])


def _resampled(detectors: list[Matches], seed: int) -> NDArray[np.float64]:
    """The mean average precision of each detector on the same resamples, [detectors, R]."""
    images = len(detectors[0].truths)
    work = sum(len(matches.scores) for matches in detectors)
    count = int(min(RESAMPLES, max(50, _WORK // max(work, 1))))
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        drawn = rng.integers(0, max(images, 1), images)
        times = np.bincount(drawn, minlength=images)
        rows.append([_mean(average_precisions(matches, times)) for matches in detectors])
    return np.array(rows, np.float64).T


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, (2.5, 97.5)) if known.size else (0.0, 0.0)
    return float(low), float(high)
