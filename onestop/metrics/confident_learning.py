"""Labels that look wrong, from probabilities of a model that has not seen them (out of fold).

Confident learning (Northcutt, Jiang and Chuang 2021, https://doi.org/10.1613/jair.1.12125): an image is
counted as class j if its probability of j is at least the mean probability of j among the images that
are labelled j. Those counted as another class than their label, off the diagonal of the confident
joint, say how many labels of each class are wrong; which, the probability of the label says, lowest
first ("prune by class"). As cleanlab (https://github.com/cleanlab/cleanlab) does, images whose label is
also the likeliest class are left alone. Other orders find fewer of planted errors
(`benchmarks/results/label_issues.md`).

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
Places: TypeAlias = NDArray[np.int64]

FAR = 3.5
"""Robust standard deviations from which a residual is an outlier (Iglewicz and Hoaglin 1993)."""
_NORMAL = 1.4826  # the standard deviation of normal values over their median absolute deviation


def confident_classes(probabilities: Floats, labels: Places) -> Places:
    """The class that each image is counted as, [N]; -1 for none.

    Args:
        probabilities: Out of fold, [N, K].
        labels: [N].
    """
    thresholds = np.full(probabilities.shape[1], np.inf)  # no image can be of a class without any
    for k in np.unique(labels):
        thresholds[k] = probabilities[labels == k, k].mean()
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(reached.max(1) >= 0, reached.argmax(1), -1)


def doubtful_labels(probabilities: Floats, labels: Places) -> tuple[Places, Places, Floats]:
    """The images whose label looks wrong, the most doubtful first.

    Args:
        probabilities: Out of fold, [N, K].
        labels: [N].

    Returns:
        Places of the images [n], the classes to suggest [n], and how improbable the labels are, 0 to
        1, [n].
    """
    if not len(labels):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    confident, likeliest = confident_classes(probabilities, labels), probabilities.argmax(1)
    improbable = 1 - probabilities[np.arange(len(labels)), labels]
    order, chosen = np.argsort(-improbable, kind="stable"), list[Places]()
    for k in np.unique(labels):
        wrong = int(((labels == k) & (confident >= 0) & (confident != k)).sum())
        chosen.append(order[(labels[order] == k) & (likeliest[order] != k)][:wrong])
    places = np.concatenate(chosen)
    places = places[np.argsort(-improbable[places], kind="stable")]
    return places, likeliest[places], improbable[places]


def doubtful_flags(
    probabilities: Floats, truth: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Floats]:
    """Which of several labels per image look wrong: each label is judged alone, as two classes.

    Args:
        probabilities: Out of fold, [N, K].
        truth: Whether the images have the labels, [N, K].

    Returns:
        Whether a label looks missing or wrongly there [N, K], and how improbable it is as it is, [N, K]
        (0 where nothing looks wrong).
    """
    doubtful, improbable = np.zeros(truth.shape, np.bool_), np.zeros(truth.shape)
    for k in range(truth.shape[1]):
        two = np.stack([1 - probabilities[:, k], probabilities[:, k]], axis=1)
        places, _, by = doubtful_labels(two, truth[:, k].astype(np.int64))
        doubtful[places, k], improbable[places, k] = True, by
    return doubtful, improbable


def far_off(residuals: Floats) -> tuple[Places, Floats]:
    """The residuals that are much larger than usual, the largest first.

    Args:
        residuals: Out of fold, [N].

    Returns:
        Their places [n], and their distance from the median in robust standard deviations, [n].
    """
    if not len(residuals):
        return np.zeros(0, np.int64), np.zeros(0)
    apart = np.abs(residuals - np.median(residuals))
    usual = (
        _NORMAL * np.median(apart) or apart.mean()
    )  # the former is 0 if most are predicted exactly
    distances = apart / usual if usual else np.zeros(len(apart))
    places = np.flatnonzero(distances > FAR)
    order = np.argsort(-distances[places], kind="stable")
    return places[order], distances[places][order]
