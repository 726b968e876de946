"""Pairs of labels: counted by hand, added over batches, and detected where they were planted."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.label_pairs import (
    LabelErrors,
    co_occurrence,
    error_pairs,
    invented_labels,
    missed_labels,
)
from onestop.metrics.multilabel import Flags, label_counts


def test_co_occurrence_counts_images_with_both_labels() -> None:
    truth = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]], np.bool_)
    assert co_occurrence(truth).tolist() == [[3, 2, 0], [2, 2, 0], [0, 0, 0]]


def test_matrices_are_exact_over_several_blocks_and_add_up() -> None:
    rng = np.random.default_rng(0)
    wrong, truth = rng.random((2, 10_000, 7)) < 0.3
    whole = error_pairs(wrong, truth)
    assert whole.dtype == np.int64
    assert whole.tolist() == (wrong.astype(np.int64).T @ truth.astype(np.int64)).tolist()
    halves = error_pairs(wrong[:999], truth[:999]) + error_pairs(wrong[999:], truth[999:])
    assert halves.tolist() == whole.tolist()


def test_no_images_and_one_label() -> None:
    none = np.zeros((0, 1), np.bool_)
    counts = label_counts(none, none)
    assert co_occurrence(none).tolist() == [[0]]
    assert invented_labels(counts, error_pairs(none, none), co_occurrence(none)) == []
    assert missed_labels(counts, error_pairs(none, none), co_occurrence(none)) == []


def errors(predicted: Flags, truth: Flags) -> tuple[list[LabelErrors], list[LabelErrors]]:
    counts, together = label_counts(predicted, truth), co_occurrence(truth)
    invented = invented_labels(counts, error_pairs(predicted & ~truth, truth), together)
    missed = missed_labels(counts, error_pairs(~predicted & truth, truth), together)
    return invented, missed


@pytest.fixture
def truth() -> Flags:
    """Four independent random labels; label 3 is present on nearly all images."""
    return np.random.default_rng(0).random((4000, 4)) < np.array([0.3, 0.3, 0.3, 0.95])


def test_false_positives_planted_with_a_label_name_it_and_not_the_frequent_one(
    truth: Flags,
) -> None:
    predicted = truth.copy()
    planted = truth[:, 1] & ~truth[:, 0] & (np.arange(4000) % 2 == 0)
    predicted[planted, 0] = True
    invented, missed = errors(predicted, truth)
    count = int(planted.sum())
    assert count > 100
    assert invented == [LabelErrors(0, count, ((1, count),))]
    assert missed == []


def test_false_negatives_planted_with_a_label_name_it_and_not_their_own(truth: Flags) -> None:
    predicted = truth.copy()
    planted = truth[:, 2] & truth[:, 1]
    predicted[planted, 2] = False
    invented, missed = errors(predicted, truth)
    count = int(planted.sum())
    assert invented == []
    assert missed == [LabelErrors(2, count, ((1, count),))]


def test_labels_with_more_errors_come_first_up_to_the_maximum(truth: Flags) -> None:
    predicted = truth.copy()
    for label, number in ((2, 50), (0, 400), (1, 100)):
        predicted[np.flatnonzero(~truth[:, label])[:number], label] = True
    counts, together = label_counts(predicted, truth), co_occurrence(truth)
    pairs = error_pairs(predicted & ~truth, truth)
    ranked = invented_labels(counts, pairs, together)
    assert [(error.label, error.images) for error in ranked] == [(0, 400), (1, 100), (2, 50)]
    assert invented_labels(counts, pairs, together, most=2) == ranked[:2]


def test_a_single_image_is_not_an_association() -> None:
    truth = np.zeros((100, 2), np.bool_)
    truth[0, 1] = True
    predicted = truth.copy()
    predicted[0, 0] = True
    assert errors(predicted, truth)[0] == [LabelErrors(0, 1, ())]
