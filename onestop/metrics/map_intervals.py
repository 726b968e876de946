"""How sure a mean average precision is, and whether two models differ in it, by resampling images.

Legend: N images, L labels, R resamples, T distinct scores of one label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onestop.metrics.multilabel import Counts, Flags, Floats, Scores

_RESAMPLES = 1000
_FEWEST = 100
_WORK = 5 * 10**7  # values that are added up, about: some seconds
_AT_ONCE = 2**21  # ... of them in memory at once


def map_interval(scores: Scores, truth: Flags, seed: int = 0) -> tuple[float, float]:
    """Both ends of an interval of 95 % for the mean average precision (percentile bootstrap).

    Args:
        scores: [N, L] probabilities.
        truth: [N, L] whether the image has the label.
        seed: Of the resampling; the same seed gives the same.
    """
    return _ends(resampled_map([scores], truth, seed)[0])


def map_difference(
    first: Scores, second: Scores, truth: Flags, seed: int = 0
) -> tuple[float, float]:
    """The same for the mean average precision of a second model less that of a first one.

    Both are computed on the same resamples, since easy images are easy for both.

    Args:
        first: [N, L] probabilities of the first model.
        second: [N, L] of the second model, for the same images.
        truth: [N, L] whether the image has the label.
        seed: Of the resampling.
    """
    both = resampled_map([first, second], truth, seed)
    return _ends(both[1] - both[0])


def resampled_map(models: Sequence[Scores], truth: Flags, seed: int = 0) -> Floats:
    """The mean average precision of each model on the same resamples of the images, [models, R].

    Labels without positive images in a resample do not count there. R is 1,000, of very many images
    and labels fewer, but 100 at least.

    Args:
        models: [N, L] probabilities of each.
        truth: [N, L] whether the image has the label.
        seed: Of the resampling.
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
    """The mean average precision if each image is there so many times, [R] of times [R, N]."""
    total, count = np.zeros(len(times)), np.zeros(len(times))
    for k in range(truth.shape[1]):
        ap = _average_precision(scores[:, k], truth[:, k], times)
        measured = ~np.isnan(ap)
        total[measured] += ap[measured]
        count += measured
    return total / np.maximum(count, 1)


def _average_precision(scores: Scores, truth: Flags, times: Counts) -> Floats:
    """Average precision of one label, as in `onestop.metrics.multilabel`, for each row of times."""
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
