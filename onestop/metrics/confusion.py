"""Confusion of classes: the matrix, its most frequent pairs, and a part small enough to read.

Legend: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]
"""[K, K] counts; rows are the truth, columns the prediction."""


def confusion_matrix(
    truths: Sequence[str], predictions: Sequence[str], classes: Sequence[str]
) -> Matrix:
    """Count how often each class was predicted as each.

    Args:
        truths: N class names.
        predictions: N class names, in the same order.
        classes: K names, in the order of rows and columns.
    """
    number = {name: k for k, name in enumerate(classes)}
    flat = [number[t] * len(classes) + number[p] for t, p in zip(truths, predictions, strict=True)]
    counts = np.bincount(np.asarray(flat, dtype=np.int64), minlength=len(classes) ** 2)
    matrix: Matrix = counts.reshape(len(classes), len(classes))
    return matrix


def confused_pairs(confusion: Matrix, most: int | None = None) -> list[tuple[int, int, int]]:
    """Pairs of truth and wrong prediction with their counts, most frequent first."""
    rows, columns = np.nonzero(confusion)
    wrong = rows != columns
    rows, columns = rows[wrong], columns[wrong]
    counts = confusion[rows, columns]
    order = np.lexsort((columns, rows, -counts))[:most]
    return [(int(rows[i]), int(columns[i]), int(counts[i])) for i in order]


def most_confused(confusion: Matrix, most: int) -> list[int]:
    """The classes of the most confused pairs, at most `most`, with confused ones next to each other.

    All classes, in their own order, if there are at most `most`.
    """
    classes = len(confusion)
    if classes <= most:
        return list(range(classes))
    selected: set[int] = set()
    for truth, predicted, _ in confused_pairs(confusion):
        if len(selected | {truth, predicted}) > most:
            break
        selected |= {truth, predicted}
    for k in np.argsort(-confusion.sum(1), kind="stable").tolist():
        if len(selected) >= most:
            break
        selected.add(k)
    return _side_by_side(confusion, sorted(selected))


def _side_by_side(confusion: Matrix, classes: list[int]) -> list[int]:
    """Classes in the order of a hierarchical clustering by how often they are confused."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    part = confusion[np.ix_(classes, classes)].astype(np.float64)
    both = part + part.T
    np.fill_diagonal(both, 0)
    if len(classes) < 3 or not both.any():
        return classes
    apart = 1 - both / both.max()
    condensed = apart[np.triu_indices(len(classes), 1)]
    order = leaves_list(linkage(condensed, "average", optimal_ordering=True))
    return [classes[i] for i in order.tolist()]
