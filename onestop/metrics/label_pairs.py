"""Pairs of labels: which occur together, and which are present when another one is predicted wrongly.

All matrices are integer counts, which can be added over batches and processes in any order.

Legend: N images, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onestop.metrics.multilabel import Counts, Flags, Floats, LabelCounts

_ROWS = 4096  # images per matrix product: counts far below 2^24 are exact in float32


@dataclass(frozen=True)
class LabelErrors:
    """Errors of one kind in one label, and the labels associated with them.

    Another label is associated with the errors if it is present on significantly more of these images
    than on the images where the error is possible: those without the label for false positives, those
    with it for false negatives. Counts alone would only point to frequent labels, which are present on
    most images with errors anyway.

    Attributes:
        label: Index of the label.
        images: Number of images with the error.
        associated: Other labels and the number of these images that have them, the largest excess over
            the expected number first.
    """

    label: int
    images: int
    associated: tuple[tuple[int, int], ...]


def co_occurrence(truth: Flags) -> Counts:
    """The number of images with both labels of each pair, [L, L]; on the diagonal, with the label.

    Args:
        truth: [N, L] whether the image has the label.
    """
    return _pair_counts(truth, truth)


def error_pairs(errors: Flags, truth: Flags) -> Counts:
    """The number of images with an error in label j (row) that have label k (column), [L, L].

    Args:
        errors: [N, L] `predicted & ~truth` (false positives) or `~predicted & truth` (false negatives).
        truth: [N, L] whether the image has the label.
    """
    return _pair_counts(errors, truth)


def invented_labels(
    counts: LabelCounts, pairs: Counts, together: Counts, most: int = 10
) -> list[LabelErrors]:
    """The labels with the most false positives, and the labels associated with these.

    Args:
        counts: Counts over all images.
        pairs: [L, L], `error_pairs` of the false positives.
        together: [L, L], as returned by `co_occurrence`.
        most: Maximum number of labels to return.
    """
    images = np.diag(together)
    without = np.maximum(counts.images - images, 1)[:, None]
    return _ranked_errors(counts.fp, pairs, (images - together) / without, most)


def missed_labels(
    counts: LabelCounts, pairs: Counts, together: Counts, most: int = 10
) -> list[LabelErrors]:
    """The labels with the most false negatives; see `invented_labels`."""
    images = np.maximum(np.diag(together), 1)[:, None]
    return _ranked_errors(counts.fn, pairs, together / images, most)


def _ranked_errors(
    errors: Counts, pairs: Counts, rate: Floats, most: int, others: int = 3
) -> list[LabelErrors]:
    """Labels by number of errors; other labels by their excess over the expected `rate` [L, L]."""
    expected = errors[:, None] * rate
    excess = pairs - expected
    # Significant means two standard deviations of a binomial count, and more than a single image.
    excess[(excess <= 2 * np.sqrt(expected * (1 - rate))) | (pairs < 2)] = 0
    ranked = []
    for label in np.argsort(-errors, kind="stable")[:most].tolist():
        order = np.argsort(-excess[label], kind="stable")[:others].tolist()
        associated = tuple((k, int(pairs[label, k])) for k in order if excess[label, k] > 0)
        ranked.append(LabelErrors(label, int(errors[label]), associated))
    return [error for error in ranked if error.images]


def _pair_counts(first: Flags, second: Flags) -> Counts:
    """How often each label of the first and each of the second are set together, [L, L]."""
    pairs = np.zeros((first.shape[1], second.shape[1]), np.int64)
    for start in range(0, len(first), _ROWS):
        rows = slice(start, start + _ROWS)
        product = first[rows].T.astype(np.float32) @ second[rows].astype(np.float32)
        pairs += product.astype(np.int64)
    return pairs
