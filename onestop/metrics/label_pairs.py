"""Which labels occur together, and beside which labels others are predicted wrongly or missed.

All matrices are whole numbers, which add up over batches and processes in any order.

Legend: N images, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onestop.metrics.multilabel import Counts, Flags, Floats, LabelCounts

_ROWS = 4096  # images per matrix product: counts far below 2^24 are exact in float32


@dataclass(frozen=True)
class LabelErrors:
    """The mistakes of one kind in one label, and the labels they occur beside more than by chance.

    Chance is how often the other label is present where this mistake is possible: among images
    without the label for false positives, with it for misses. A frequent label is beside most
    mistakes; only what exceeds that frequency says something about them.

    Attributes:
        label: Index of the label.
        images: Number of images with the mistake.
        beside: Other labels and how many of these images have them, the largest excess first.
    """

    label: int
    images: int
    beside: tuple[tuple[int, int], ...]


def co_occurrence(truth: Flags) -> Counts:
    """Images with both labels of each pair, [L, L]; on the diagonal, images with the label.

    Args:
        truth: [N, L] whether the image has the label.
    """
    return _pair_counts(truth, truth)


def mistakes_beside(mistaken: Flags, truth: Flags) -> Counts:
    """Images with a mistake in label j (row) that have label k (column), [L, L].

    Args:
        mistaken: [N, L] `predicted & ~truth` (false positives) or `~predicted & truth` (misses).
        truth: [N, L] whether the image has the label.
    """
    return _pair_counts(mistaken, truth)


def invented_labels(
    counts: LabelCounts, beside: Counts, together: Counts, most: int = 10
) -> list[LabelErrors]:
    """The labels with the most false positives, and the labels these occur beside.

    Args:
        counts: Of all images.
        beside: [L, L] of `mistakes_beside` for the false positives.
        together: [L, L] of `co_occurrence`.
        most: Labels that are returned, at most.
    """
    images = np.diag(together)
    without = np.maximum(counts.images - images, 1)[:, None]
    return _ranked_errors(counts.fp, beside, (images - together) / without, most)


def missed_labels(
    counts: LabelCounts, beside: Counts, together: Counts, most: int = 10
) -> list[LabelErrors]:
    """The labels with the most misses, and the labels these occur beside; see `invented_labels`."""
    images = np.maximum(np.diag(together), 1)[:, None]
    return _ranked_errors(counts.fn, beside, together / images, most)


def _ranked_errors(
    mistakes: Counts, beside: Counts, rate: Floats, most: int, others: int = 3
) -> list[LabelErrors]:
    """Labels by their mistakes; other labels by their excess over `rate`, their share if by chance."""
    chance = mistakes[:, None] * rate
    excess = beside - chance
    # Two standard deviations of a binomial count, and never a single image.
    excess[(excess <= 2 * np.sqrt(chance * (1 - rate))) | (beside < 2)] = 0
    errors = []
    for label in np.argsort(-mistakes, kind="stable")[:most].tolist():
        order = np.argsort(-excess[label], kind="stable")[:others].tolist()
        pairs = tuple((k, int(beside[label, k])) for k in order if excess[label, k] > 0)
        errors.append(LabelErrors(label, int(mistakes[label]), pairs))
    return [error for error in errors if error.images]


def _pair_counts(first: Flags, second: Flags) -> Counts:
    """How often each label of the first and each of the second are set together, [L, L]."""
    pairs = np.zeros((first.shape[1], second.shape[1]), np.int64)
    for start in range(0, len(first), _ROWS):
        rows = slice(start, start + _ROWS)
        product = first[rows].T.astype(np.float32) @ second[rows].astype(np.float32)
        pairs += product.astype(np.int64)
    return pairs
