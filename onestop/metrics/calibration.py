"""Calibration: whether a network is right as often as its confidence claims.

Legend: N images, M bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15
"""As in Guo et al. 2017."""
_RESAMPLES = 1000


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


def calibration_interval(
    scores: ArrayLike, right: ArrayLike, bins: int = BINS, seed: int = 0
) -> tuple[float, float]:
    """Both ends of a 95 % interval for the expected calibration error, by resampling.

    The basic bootstrap (Davison and Hinkley 1997, section 5.2) with a thousand resamples, clipped to
    0..1. It makes up for the bias of the error, which is above 0 even for perfect probabilities, so
    the error itself can lie near its upper end. The same seed gives the same ends.

    Args:
        scores: [N] probabilities of the predicted classes; without any both ends are 0.
        right: [N] whether each prediction is correct.
        bins: M.
        seed: Seed of the resampling.
    """
    score, correct = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not len(score):
        return 0.0, 0.0
    place = np.clip(np.ceil(score * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps, rng, errors = score - correct, np.random.default_rng(seed), []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(0, len(score), len(score))
        errors.append(np.abs(np.bincount(place[drawn], gaps[drawn])).sum() / len(score))
    low, high = 2 * calibration(score, correct, bins).error - np.percentile(errors, (97.5, 2.5))
    return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


def calibration_metrics(
    raw: ArrayLike, scores: ArrayLike, right: ArrayLike, *, calibrated: bool
) -> dict[str, Any]:
    """The expected calibration errors of probabilities and of the raw ones, with intervals.

    Args:
        raw: [N] probabilities as the network gives them; those that are no numbers are left out.
        scores: [N] calibrated ones, which the metrics are of.
        right: [N] whether what they are the probabilities of is the case.
        calibrated: Whether the two differ.
    """
    raw, scores, right = np.asarray(raw), np.asarray(scores), np.asarray(right)
    finite = np.isfinite(raw) & np.isfinite(scores)
    raw, scores, right = raw[finite], scores[finite], right[finite]
    error = {"error": calibration(scores, right).error}
    error |= dict(zip(("low", "high"), calibration_interval(scores, right), strict=True))
    if not calibrated:
        return {"calibrated": False, **error}
    low, high = calibration_interval(raw, right)
    before = {"raw_error": calibration(raw, right).error, "raw_low": low, "raw_high": high}
    return {"calibrated": True, **error, **before}


def calibration_text(values: Mapping[str, Any]) -> str:
    """What `calibration_metrics` measured, in words; empty if any of it is missing.

    >>> calibration_text({"calibrated": False, "error": 0.042, "low": 0.0, "high": 0.06})
    'probabilities are not calibrated: expected calibration error 4.2% (95% interval 0.0% to 6.0%)'
    """
    needed = ["calibrated", "error", "low", "high"]
    if values.get("calibrated"):
        needed += ["raw_error", "raw_low", "raw_high"]
    if any(name not in values for name in needed):
        return ""
    now = f"{values['error']:.1%} (95% interval {values['low']:.1%} to {values['high']:.1%})"
    if not values["calibrated"]:
        return f"probabilities are not calibrated: expected calibration error {now}"
    before = f"{values['raw_error']:.1%} ({values['raw_low']:.1%} to {values['raw_high']:.1%})"
    return f"probabilities are calibrated: expected calibration error {now}; before {before}"
