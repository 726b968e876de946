from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.matches import (
    DEFAULT_THRESHOLD,
    average_precisions,
    best_thresholds,
    confusion,
    matches_of,
    over_thresholds,
    paired,
    precision_recall,
)
from onestop.metrics.objects import ImageObjects
from tests.detection_made import near, random_truth


def objects(*rows: tuple[float, float, float, float, int, float], crowd: int = -1) -> ImageObjects:
    """Boxes with class and score."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    flags = np.arange(len(rows)) == crowd
    return ImageObjects((100, 100), table[:, :4], table[:, 4].astype(np.int64), table[:, 5], flags)


TRUTH = objects((0, 0, 10, 10, 0, 1), (20, 20, 40, 40, 1, 1), (60, 60, 90, 90, 0, 1), crowd=2)


def test_the_best_score_takes_the_object_and_the_next_is_wrong() -> None:
    ours = objects((0, 0, 10, 10, 0, 0.6), (0, 0, 10, 11, 0, 0.9), (20, 20, 40, 40, 0, 0.8))
    rows = matches_of([TRUTH], [ours], 2)
    assert rows.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert rows.right[:, 0].tolist() == [True, False, False]
    assert rows.right[0].sum() == 9, "an overlap of 10 in 11 is enough for all but 0.95"
    assert rows.truths.tolist() == [[1, 1]], "a crowd is not an object to be found"


def test_what_only_matches_a_crowd_counts_neither_way() -> None:
    ours = objects((62, 62, 70, 70, 0, 0.9), (72, 72, 80, 80, 0, 0.8))
    rows = matches_of([TRUTH], [ours], 2)
    assert rows.ignored.all()
    assert not rows.right.any()
    assert paired(TRUTH, ours) == ([], {0, 1})


def test_weights_are_the_same_as_repeated_images() -> None:
    rng = np.random.default_rng(0)
    truths = [random_truth(rng) for _ in range(6)]
    found = [near(rng, true) for true in truths]
    often = np.array([2, 0, 1, 3, 0, 1])
    places = np.repeat(np.arange(6), often)
    repeated = matches_of([truths[i] for i in places], [found[i] for i in places], 3)
    weighted = average_precisions(matches_of(truths, found, 3), often)
    assert weighted == pytest.approx(average_precisions(repeated), nan_ok=True)


def test_the_threshold_has_the_highest_f1_of_all() -> None:
    rng = np.random.default_rng(1)
    truths = [random_truth(rng, classes=2) for _ in range(20)]
    found = [near(rng, true, classes=2) for true in truths]
    rows = matches_of(truths, found, 2)
    thresholds = best_thresholds(rows)

    def f1(k: int, threshold: float) -> float:
        mine = (rows.classes == k) & (rows.scores >= threshold) & ~rows.ignored[:, 0]
        return float(2 * rows.right[mine, 0].sum() / (mine.sum() + rows.truths[:, k].sum()))

    for k in range(2):
        best = max(f1(k, score) for score in np.unique(rows.scores))
        assert f1(k, thresholds[k]) == pytest.approx(best)


def test_few_objects_choose_no_threshold() -> None:
    rows = matches_of([TRUTH], [objects((0, 0, 10, 10, 0, 0.9))], 2)
    assert best_thresholds(rows).tolist() == [DEFAULT_THRESHOLD] * 2


def test_confusion_has_a_background() -> None:
    ours = objects(
        (0, 0, 10, 10, 1, 0.9), (20, 20, 40, 40, 1, 0.8), (20, 20, 40, 39, 1, 0.7),
        (61, 61, 89, 89, 1, 0.6),
    )  # fmt: skip
    assert confusion([TRUTH], [ours], 2).tolist() == [[0, 1, 0], [0, 1, 0], [0, 1, 0]]
    none = ImageObjects((100, 100))
    assert confusion([TRUTH], [none], 2).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_the_same_class_matches_before_others_do() -> None:
    ours = objects((0, 0, 10, 10, 1, 0.9), (0, 0, 10, 9, 0, 0.3))
    pairs, _ = paired(TRUTH, ours)
    assert pairs == [(1, 0)]


def test_what_reaches_its_threshold_is_shown_best_first() -> None:
    ours = objects((0, 0, 1, 1, 0, 0.5), (0, 0, 2, 2, 1, 0.5), (0, 0, 3, 3, 0, 0.7))
    assert over_thresholds(ours, [0.4, 0.6]).boxes[:, 2].tolist() == [3, 1]
    assert len(over_thresholds(ImageObjects((5, 5)), [0.5])) == 0


def test_precision_and_recall_follow_the_threshold() -> None:
    ours = objects((0, 0, 10, 10, 0, 0.9), (50, 0, 60, 10, 0, 0.8))
    scores, precision, recall = precision_recall(matches_of([TRUTH], [ours], 2), 0)
    assert scores.tolist() == pytest.approx([0.9, 0.8])
    assert precision.tolist() == [1, 0.5]
    assert recall.tolist() == [1, 1]
