"""How a metric grows with the number of training images: an inverse power law.

metric(n) = limit - scale * n^-rate, or plus for metrics that are better if lower (Cortes et al. 1993;
Viering and Loog 2022, https://doi.org/10.1109/TPAMI.2022.3220744). The law is an assumption; how far a
forecast varies if parts of the data are left out is measured (the jackknife, Tukey 1958), how wrong the
law itself may be is not. Folds share most of their training images, so their spread alone would promise
too much: it is widened as Nadeau and Bengio (2003, https://doi.org/10.1023/A:1024068626366) do.

Legend: S sizes, F folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]

_RATES = np.linspace(0.05, 2.0, 79)


@dataclass(frozen=True)
class Estimate:
    """A value with both ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def within(self, least: float, most: float) -> Estimate:
        """With an interval that ends where the values that are possible do."""
        return Estimate(self.value, max(least, self.low), min(most, self.high))


@dataclass(frozen=True)
class PowerLaw:
    """metric(n) = limit + scale * n^-rate; the scale is negative for metrics that grow."""

    limit: float
    scale: float
    rate: float

    def at(self, images: float) -> float:
        """The metric with so many training images."""
        return float(self.limit + self.scale * images**-self.rate)


def fit_power_law(sizes: ArrayLike, values: ArrayLike, *, higher: bool) -> PowerLaw:
    """The law with the smallest squared error; sizes count in proportion, as they are less noisy.

    Args:
        sizes: Training images, [S].
        values: Of the metric, [S].
        higher: Whether the metric is better if higher, and then at most 1; else it is at least 0.
    """
    n, sign = np.asarray(sizes, np.float64), -1.0 if higher else 1.0
    errors, lowest = sign * np.asarray(values, np.float64), -1.0 if higher else 0.0
    weights = n / n.sum()
    best, least = (float(errors[-1]), 0.0, 1.0), np.inf
    for rate in _RATES.tolist():
        x = n**-rate
        limit, scale = _line(x, errors, weights, lowest)
        error = float((weights * (limit + scale * x - errors) ** 2).sum())
        if error < least:
            best, least = (limit, scale, rate), error
    return PowerLaw(sign * best[0], sign * best[1], best[2])


def _line(x: Floats, y: Floats, weights: Floats, lowest: float) -> tuple[float, float]:
    """Intercept and slope of the line closest to y, of those that do not fall nor begin too low."""
    mx, my = float((weights * x).sum()), float((weights * y).sum())
    spread = float((weights * (x - mx) ** 2).sum())
    slope = max(0.0, float((weights * (x - mx) * (y - my)).sum()) / max(spread, 1e-300))
    if my - slope * mx >= lowest:
        return my - slope * mx, slope
    return lowest, max(0.0, float((weights * x * (y - lowest)).sum() / (weights * x * x).sum()))


def mean_over_folds(values: Floats) -> Estimate:
    """The mean of the folds' values [F], with Student's interval, widened for what folds share."""
    mean, error = float(values.mean()), float(values.std(ddof=1)) / len(values) ** 0.5
    return _around(mean, error, len(values))


def forecast(
    sizes: Floats, values: Floats, at: tuple[float, float], *, higher: bool
) -> list[Estimate]:
    """The metric at two numbers of images by the law, and the difference, with jackknifed intervals.

    Args:
        sizes: Training images, [S].
        values: Of each fold at each size, [F, S].
        at: Two numbers of images.
        higher: See `fit_power_law`.
    """

    def of(folds: Floats) -> Floats:
        law = fit_power_law(sizes, folds.mean(0), higher=higher)
        first, second = map(law.at, at)
        return np.array([first, second, second - first])

    whole, count = of(values), len(values)
    left_out = np.stack([of(np.delete(values, fold, 0)) for fold in range(count)])
    errors = np.sqrt((count - 1) / count * ((left_out - left_out.mean(0)) ** 2).sum(0))
    pairs = zip(whole.tolist(), errors.tolist(), strict=True)
    return [_around(value, error, count) for value, error in pairs]


def _around(value: float, error: float, count: int) -> Estimate:
    from scipy.stats import t

    shared = (1 + count / (count - 1)) ** 0.5  # the variance of a mean: 1 / F + tested / fitted
    half = float(t.ppf(0.975, count - 1)) * error * shared
    return Estimate(value, value - half, value + half)
