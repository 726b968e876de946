"""Calibrating probabilities after training: a temperature, or a scale and a bias.

Fitted on the outputs for held-out images by Newton's method in 64 bits, so that the same outputs give
the same values. Both maps are increasing, so that no label changes.

Legend: N images, K classes, M values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Fit = TypeVar("Fit")

FEWEST = 30
"""With fewer images nothing is fitted.

Simulated with two and five classes and nine images of ten right: fitted on 30 images, a temperature
lowers the loss on new images by 0.05 to 0.12 if the network is overconfident by a factor of 3, and
raises it by 0.007 at most, on average, if it is not. Often none is used, since cross-validation
cannot tell.
"""
FOLDS = 5
"""Parts of the images; what is fitted on the others must lower the loss of each part on average."""
_LEAST, _MOST = 0.05, 20.0  # of the scale, the reciprocal of a temperature
_STEPS = 100
_VALUES = 2**20  # outputs that a fit uses: 8 MiB
_TINY = 1e-12


def fit_temperature(logits: NDArray[np.floating[Any]], targets: Ints) -> float:
    """The temperature that logits are to be divided by; 1 if none would help, or with few images.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2,
    https://arxiv.org/abs/1706.04599. The cross entropy is convex in the reciprocal of the temperature.
    A share of 1 / (N + 2) of each image counts for all classes alike, as in Platt 1999, so that images
    that are all right do not ask for a temperature of 0.

    A temperature is only used if it lowers the loss of these images, and also, by cross-validation,
    that of images that it was not fitted on.

    Args:
        logits: [N, K].
        targets: [N] class numbers.
    """
    some, targets = _some(logits, targets)
    if len(some) < FEWEST or some.shape[1] < 2 or not np.isfinite(some).all():
        return 1.0
    shifted: Floats = some - some.max(1, keepdims=True)

    def fit(part: Ints) -> float:
        return _best_scale(shifted[part], targets[part])

    def losses(scale: float) -> Floats:
        return _cross_entropy(scale * shifted, targets)

    return 1 / scale if (scale := _accepted(len(shifted), fit, losses, 1.0)) != 1.0 else 1.0


def fit_scale_and_bias(
    logits: NDArray[np.floating[Any]], truth: NDArray[np.bool_]
) -> tuple[float, float]:
    """The scale and the bias that all labels' logits share; (1, 0) if they would not help.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines", with its smoothed targets. One pair
    for all labels: a pair per label would need many images with and without each.

    Args:
        logits: [N, L], of N images and L labels.
        truth: [N, L] whether the image has the label.
    """
    logits, truth = _some(logits, truth)
    if len(logits) < FEWEST or not np.isfinite(logits).all():
        return 1.0, 0.0

    def fit(part: Ints) -> tuple[float, float]:
        return _best_line(logits[part].ravel(), truth[part].ravel())

    def losses(line: tuple[float, float]) -> Floats:
        z = line[0] * logits + line[1]
        each: Floats = np.logaddexp(0, np.where(truth, -z, z)).mean(1)
        return each

    return _accepted(len(logits), fit, losses, (1.0, 0.0))


def _accepted(
    count: int, fit: Callable[[Ints], Fit], losses: Callable[[Fit], Floats], none: Fit
) -> Fit:
    """What is fitted on all images, or `none` if that is as good on images that a fit has not seen."""
    everything = np.arange(count)
    fitted, raw = fit(everything), losses(none)
    unseen = np.empty(count)
    for fold in range(FOLDS):
        part = everything % FOLDS == fold
        unseen[part] = losses(fit(everything[~part]))[part]
    better = losses(fitted).mean() < raw.mean() and unseen.mean() < raw.mean()
    return fitted if better else none


def _best_scale(logits: Floats, targets: Ints) -> float:
    """The scale with the lowest smoothed cross entropy of logits [N, K] whose maximum is 0."""
    share = 1 / (len(logits) + 2)
    wanted = (1 - share) * _of_class(logits, targets) + share * logits.mean(1)
    low, high, scale = _LEAST, _MOST, 1.0
    for _ in range(_STEPS):
        shares = np.exp(scale * logits)
        shares /= shares.sum(1, keepdims=True)
        mean = (shares * logits).sum(1)
        slope = float((mean - wanted).mean())
        curvature = float(((shares * logits**2).sum(1) - mean**2).mean())
        low, high = (scale, high) if slope < 0 else (low, scale)
        step = scale - slope / max(curvature, _TINY)
        # Halving where Newton's step leaves what is known to hold the minimum.
        step = step if low < step < high else (low + high) / 2
        if abs(step - scale) <= _TINY * scale:
            break
        scale = step
    return scale


def _best_line(logits: Floats, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and bias with the lowest smoothed cross entropy of logits [M]; (1, 0) if there are none."""
    positive = int(truth.sum())
    negative = len(truth) - positive
    wanted = np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2))
    inputs = np.stack([logits, np.ones_like(logits)])  # [2, M]
    line, loss = np.array([1.0, 0.0]), np.inf

    def loss_of(candidate: Floats) -> float:
        z = candidate @ inputs
        return float((np.logaddexp(0, z) - wanted * z).mean())

    for _ in range(_STEPS):
        shares = 0.5 * (1 + np.tanh(line @ inputs / 2))
        slope = inputs @ (shares - wanted)
        curvature = (inputs * (shares * (1 - shares))) @ inputs.T + _TINY * np.eye(2)
        step, size, loss = np.linalg.solve(curvature, slope), 1.0, loss_of(line)
        while size > _TINY and not loss_of(line - size * step) <= loss:
            size /= 2
        line = line - size * step
        if np.abs(size * step).max() <= _TINY * 10:
            break
    good = bool(np.isfinite(line).all()) and _LEAST <= line[0] <= _MOST
    return (float(line[0]), float(line[1])) if good else (1.0, 0.0)


def _cross_entropy(logits: Floats, targets: Ints) -> Floats:
    highest = logits.max(1)
    rest: Floats = highest + np.log(np.exp(logits - highest[:, None]).sum(1))
    return rest - _of_class(logits, targets)


def _of_class(values: Floats, targets: Ints) -> Floats:
    chosen: Floats = np.take_along_axis(values, targets[:, None], 1)[:, 0]
    return chosen


def _some(outputs: NDArray[np.floating[Any]], truth: NDArray[Any]) -> tuple[Floats, NDArray[Any]]:
    """Every image, or every second, third, ... so that they fit the memory, in 64 bits."""
    every = -(-outputs.size // _VALUES) or 1
    return outputs[::every].astype(np.float64), truth[::every]
