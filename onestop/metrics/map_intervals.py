"""Confidence intervals of mean average precision and of its difference between two models.

Both are percentile bootstraps (Efron 1979) over the images.

Legend: N images, L labels, R resamples, T distinct scores of one label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onestop.metrics.multilabel import Counts, Flags, Floats, Scores

_RESAMPLES = 1000
_FEWEST = 100
_WORK = 5 * 10**7  # values to add up in all, which takes a few seconds
_AT_ONCE = 2**21  # ... and in memory at a time


def map_interval(scores: Scores, truth: Flags, seed: int = 0) -> tuple[float, float]:
    """Both ends of the 95 % interval of mean average precision.

    Args:
        scores: [N, L] probabilities.
        truth: [N, L] whether the image has the label.
        seed: Seed of the resampling; the same seed gives the same ends.
    """
    return _ends(resampled_map([scores], truth, seed)[0])


def map_difference(
    first: Scores, second: Scores, truth: Flags, seed: int = 0
) -> tuple[float, float]:
    """The same for the mean average precision of a second model minus that of a first one.

    Both are resampled together: an image that is easy for one model is often easy for the other, so the
    difference varies less than either of them.

    Args:
        first: [N, L] probabilities of the first model.
        second: [N, L] probabilities of the second model for the same images.
        truth: [N, L] whether the image has the label.
        seed: Seed of the resampling.
    """
    both = resampled_map([first, second], truth, seed)
    return _ends(both[1] - both[0])


def resampled_map(models: Sequence[Scores], truth: Flags, seed: int = 0) -> Floats:
    """The mean average precision of each model on the same resamples of the images, [models, R].

    A label without positive images in a resample is left out of its mean. R is 1,000, or fewer, but at
    least 100, for large numbers of images and labels.

    Args:
        models: [N, L] probabilities of each model.
        truth: [N, L] whether the image has the label.
        seed: Seed of the resampling.
    """
    images, labels = truth.shape
    resamples = min(_RESAMPLES, max(_FEWEST, _WORK // max(images * labels * len(models), 1)))
    rng = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // max(images, 1))
    parts = []
    for start in range(0, resamples, step):
        drawn = rng.integers(0, max(images, 1), (min(step, resamples - start), images))
        times = np.stack([np.bincount(row, minlength=images) for row in drawn])
        parts.append([_mean_over_labels(scores, truth, times) for scores in models])
    return np.concatenate(parts, axis=1)


def _mean_over_labels(scores: Scores, truth: Flags, times: Counts) -> Floats:
    """The mean average precision [R] of resamples that contain each image `times` [R, N] times."""
    total, count = np.zeros(len(times)), np.zeros(len(times))
    for k in range(truth.shape[1]):
        ap = _average_precision(scores[:, k], truth[:, k], times)
        measured = ~np.isnan(ap)
        total[measured] += ap[measured]
        count += measured
    return total / np.maximum(count, 1)


def _average_precision(scores: Scores, truth: Flags, times: Counts) -> Floats:
    """The average precision [R] of one label, defined as in `onestop.metrics.multilabel`."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], len(ordered) > 0))  # [T]
    drawn = times[:, order]
    predicted = drawn.cumsum(1)[:, last]
    tp = (drawn * truth[order]).cumsum(1)[:, last]
    gained = np.diff(tp, prepend=0, axis=1)
    area = (gained * (tp / np.maximum(predicted, 1))).sum(1)
    positive = tp[:, -1] if len(last) else np.zeros(len(times))
    ap: Floats = np.divide(area, positive, out=np.full(len(times), np.nan), where=positive > 0)
    return ap


def _ends(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5)) if values.size else (0.0, 0.0)
    return float(low), float(high)
