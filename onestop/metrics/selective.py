"""Answering only where one is sure enough: the error rate among the answers, with a guarantee.

An image is answered if its score reaches a threshold. The threshold is chosen on held-out images, by
their scores and whether their predictions are correct, by learn-then-test (Angelopoulos et al. 2021,
https://arxiv.org/abs/2110.01052). Conformal risk control (Angelopoulos et al. 2022,
https://arxiv.org/abs/2208.02814) needs a loss that only falls as the threshold rises: that an image is
answered *and* wrong. It bounds errors as a share of all images. The share of errors among the answers
alone, which `Guarantee` is about, is a ratio and can rise, so it needs a test.

Legend: N images, M thresholds that are tested, E errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CERTAINTY = 0.9
"""The probability with which a guarantee holds, over the choice of the held-out images."""
_TESTED = 128  # thresholds, at most
_LEVELS = 48  # levels of a single test, each 2**0.25 below the one before


@dataclass(frozen=True)
class Guarantee:
    """A threshold, and what it is based on.

    With a probability of `CERTAINTY` over the choice of the held-out images, at most a share `rate`
    of the predictions whose scores reach the threshold is wrong. That holds if new images are like
    the held-out ones, if these had no part in training, and if predictions with higher scores are not
    wrong more often.

    Attributes:
        rate: The error rate, in (0, 1).
        threshold: The lowest score that is answered.
        answered: Held-out images that reach it, of `images`.
        wrong: Wrong predictions among them.
        images: N.
    """

    rate: float
    threshold: float
    answered: int
    wrong: int
    images: int


def guarantee(scores: Floats, right: NDArray[np.bool_], rate: float) -> Guarantee | None:
    """The lowest threshold that keeps an error rate; None if no threshold is sure to.

    For each number m of best-scored images, the hypothesis that their error rate is above `rate` is
    tested by the binomial distribution. All tests use one level, which is as high as it can be while
    the probability that any of them errs, if images were wrong at exactly that rate, stays below 1 -
    `CERTAINTY`. Given how many images lie above the threshold from which on the error rate exceeds
    `rate`, the errors among the first m are at least as many as in that case, so the bound holds for
    any scores that do not mislead (see `Guarantee`).

    Args:
        scores: [N], larger where a prediction is more likely to be correct.
        right: [N] whether each prediction is correct.
        rate: The error rate to keep, in (0, 1).
    """
    order = np.argsort(-scores, kind="stable")
    ranked, errors = scores[order], np.cumsum(~right[order])
    counts = _tested(ranked, fewest(rate))
    if not len(counts):
        return None
    allowed = _allowed(counts, rate)
    passed = np.flatnonzero(errors[counts - 1] <= allowed)
    if not len(passed):
        return None
    answered = int(counts[passed[-1]])
    return Guarantee(
        rate, float(ranked[answered - 1]), answered, int(errors[answered - 1]), len(scores)
    )


def fewest(rate: float) -> int:
    """The fewest held-out images that a rate can be guaranteed with: if all predictions are correct.

    >>> fewest(0.05), fewest(0.01)
    (45, 230)
    """
    return max(1, math.ceil(math.log(1 - CERTAINTY) / math.log1p(-rate)))


def _tested(ranked: Floats, least: int) -> Ints:
    """The numbers of best-scored images to test, ascending; images with equal scores stay together."""
    images = len(ranked)
    if images < least:
        return np.zeros(0, np.int64)
    ends = 1 + np.flatnonzero(np.append(ranked[1:] < ranked[:-1], [True]))
    ends = ends[ends >= least]
    wanted = np.geomspace(least, images, _TESTED)
    return np.asarray(ends[np.unique(np.searchsorted(ends, wanted - 0.5))], np.int64)


def _allowed(counts: Ints, rate: float) -> Ints:
    """[M] the errors that each test allows, at the highest level at which all are valid together."""
    below = _cumulative(counts, rate)
    low, high = 0, _LEVELS
    while low < high:
        middle = (low + high) // 2
        allowed = _critical(below, middle)
        valid = _crossing(counts, allowed, rate) <= 1 - CERTAINTY
        low, high = (low, middle) if valid else (middle + 1, high)
    return _critical(below, low)


def _critical(below: Floats, level: int) -> Ints:
    """[M] the most errors that a test at a level allows; -1 if it does not pass without any."""
    most = (1 - CERTAINTY) * 2.0 ** (-level / 4) * (1 + 1e-9)
    return np.asarray((below <= most).sum(1) - 1, np.int64)


def _cumulative(counts: Ints, rate: float) -> Floats:
    """[M, E] the probability of at most e errors among m images."""
    errors = math.ceil(float(counts[-1]) * rate) + 1
    return np.stack([np.cumsum(_binomial(int(m), errors, rate)) for m in counts])


def _binomial(images: int, errors: int, rate: float) -> Floats:
    """[errors] the probability of 0, 1, 2, ... errors among some images."""
    k = np.arange(min(errors, images + 1))
    steps = np.log(np.maximum(images - k[1:] + 1, 1)) - np.log(k[1:]) + math.log(rate)
    logs = images * math.log1p(-rate) + np.cumsum(
        np.concatenate([[0.0], steps - math.log1p(-rate)])
    )
    return np.pad(np.exp(logs), (0, errors - len(k)))


def _crossing(counts: Ints, allowed: Ints, rate: float) -> float:
    """The probability that any test passes if images are wrong at exactly the rate.

    Errors are added up from one tested number of images to the next; what has passed is taken out.
    """
    errors = int(allowed.max()) + 1
    if not errors:
        return 0.0
    state, passed, before = np.zeros(errors), 0.0, 0
    state[0] = 1.0
    for count, most in zip(counts.tolist(), allowed.tolist(), strict=True):
        state = np.convolve(state, _binomial(count - before, errors, rate))[:errors]
        passed += float(state[: most + 1].sum())
        state[: most + 1], before = 0.0, count
    return passed
