"""Multi-label metrics compared with scikit-learn's, and the edge cases that it does not define."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from onestop.metrics.intervals import wilson
from onestop.metrics.multilabel import (
    CURVE_POINTS,
    FEW_POSITIVES,
    Flags,
    Floats,
    LabelCounts,
    Scores,
    average_precision,
    best_thresholds,
    label_counts,
    multilabel_metrics,
    precision_recall_curve,
    predicted_labels,
)


def random_data(
    images: int, labels: int, seed: int, dtype: type = np.float32, levels: int = 0
) -> tuple[Scores, Flags]:
    """Informative scores; `levels` limits the number of distinct ones, so that there are ties."""
    rng = np.random.default_rng(seed)
    truth = rng.random((images, labels)) < rng.uniform(0.05, 0.6, labels)
    scores = np.clip(0.6 * rng.random((images, labels)) + 0.4 * truth * rng.random(labels), 0, 1)
    if levels:
        scores = np.round(scores * levels) / levels
    return scores.astype(dtype), truth


def one_label(images: int, seed: int, levels: int = 0) -> tuple[Scores, Flags]:
    scores, truth = random_data(images, 1, seed, levels=levels)
    return scores[:, 0], truth[:, 0]


def best_f1(scores: Scores, truth: Flags) -> float:
    """The highest F1 of one label over all thresholds, by brute force."""
    precision, recall, cuts = sk.precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(f1[:-1][cuts > 0].max())


class TestAveragePrecision:
    @pytest.mark.parametrize("levels", [0, 2, 10])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    @pytest.mark.parametrize("seed", range(3))
    def test_equal_to_scikit_learn(self, seed: int, dtype: type, levels: int) -> None:
        scores, truth = random_data(300, 70, seed, dtype, levels)  # more than one block of labels
        expected = sk.average_precision_score(truth, scores, average=None)
        assert truth.any(0).all()
        assert average_precision(scores, truth) == pytest.approx(expected, abs=1e-12)

    def test_the_order_of_images_with_equal_scores_does_not_matter(self) -> None:
        scores, truth = random_data(200, 3, 0, levels=3)
        order = np.random.default_rng(1).permutation(200)
        again = average_precision(scores[order], truth[order])
        assert again.tolist() == average_precision(scores, truth).tolist()

    def test_equal_scores_give_the_fraction_of_positive_images(self) -> None:
        truth = np.array([[True], [False], [False], [False]])
        for value in (0.0, 0.5, 1.0):
            assert average_precision(np.full((4, 1), value), truth).tolist() == [0.25]

    def test_negative_zero_equals_zero(self) -> None:
        scores, truth = np.array([[0.0], [-0.0], [-0.0]]), np.array([[False], [True], [False]])
        assert average_precision(scores, truth)[0] == pytest.approx(1 / 3)

    def test_all_positive_is_one_and_none_positive_is_nan(self) -> None:
        scores = np.random.default_rng(0).random((20, 2))
        truth = np.zeros((20, 2), np.bool_)
        truth[:, 0] = True
        precision = average_precision(scores, truth)
        assert precision[0] == 1.0
        assert math.isnan(precision[1])

    def test_no_images_give_nan_and_no_labels_an_empty_array(self) -> None:
        none = average_precision(np.zeros((0, 3)), np.zeros((0, 3), np.bool_))
        assert np.isnan(none).tolist() == [True] * 3
        assert average_precision(np.zeros((4, 0)), np.zeros((4, 0), np.bool_)).shape == (0,)

    def test_any_memory_order(self) -> None:
        scores, truth = random_data(100, 5, 0)
        expected = average_precision(scores, truth).tolist()
        fortran = average_precision(np.asfortranarray(scores), np.asfortranarray(truth))
        assert fortran.tolist() == expected
        sliced = average_precision(np.repeat(scores, 2, 1)[:, ::2], np.repeat(truth, 2, 1)[:, ::2])
        assert sliced.tolist() == expected

    @pytest.mark.parametrize("value", [np.nan, -0.1, 1.1, np.inf])
    def test_anything_but_probabilities_is_refused(self, value: float) -> None:
        scores, truth = np.full((3, 1), 0.5), np.ones((3, 1), np.bool_)
        scores[1] = value
        with pytest.raises(ValueError, match="from 0 to 1"):
            average_precision(scores, truth)
        with pytest.raises(ValueError, match="from 0 to 1"):
            precision_recall_curve(scores[:, 0], truth[:, 0])


class TestCurve:
    @pytest.mark.parametrize("levels", [0, 5])
    def test_a_short_one_is_equal_to_scikit_learn(self, levels: int) -> None:
        scores, truth = one_label(150, 0, levels)
        ours = precision_recall_curve(scores, truth)
        precision, recall, thresholds = sk.precision_recall_curve(truth, scores)
        # Theirs is in ascending order and ends with an extra point without predictions.
        assert ours.precision[::-1] == pytest.approx(precision[:-1])
        assert ours.recall[::-1] == pytest.approx(recall[:-1])
        assert ours.thresholds[::-1].tolist() == thresholds.tolist()

    @pytest.mark.parametrize("seed", range(5))
    def test_a_long_one_is_thinned_and_keeps_its_shape(self, seed: int) -> None:
        scores, truth = one_label(20_000, seed)
        full = precision_recall_curve(scores, truth, most=10**9)
        thin = precision_recall_curve(scores, truth)
        assert len(full.recall) > 10_000
        assert 100 < len(thin.recall) <= CURVE_POINTS
        points = set(zip(full.recall, full.precision, full.thresholds, strict=True))
        assert set(zip(thin.recall, thin.precision, thin.thresholds, strict=True)) <= points
        assert (np.diff(thin.recall) >= 0).all()
        for end in (0, -1):
            assert (thin.recall[end], thin.precision[end]) == (
                full.recall[end],
                full.precision[end],
            )
        assert thin.precision.max() == full.precision.max()
        assert thin.precision.min() == full.precision.min()
        area = float((np.diff(thin.recall, prepend=0) * thin.precision).sum())
        exact = average_precision(scores[:, None], truth[:, None])[0]
        assert area == pytest.approx(exact, abs=0.01)

    def test_a_thinned_one_keeps_both_ends(self) -> None:
        # In neither range of recall is the end the last point with the highest or lowest precision.
        truth = np.repeat([True, False, True, False, True], [50, 10, 9_850, 5_000, 100])
        thin = precision_recall_curve(np.linspace(1, 0, len(truth)), truth)
        points = list(zip(thin.recall, thin.precision, thin.thresholds, strict=True))
        assert points[0] == (1 / 10_000, 1, 1)
        assert points[-1] == (1, 10_000 / len(truth), 0)

    def test_without_positive_images_it_has_no_points(self) -> None:
        for images in (0, 5):
            curve = precision_recall_curve(np.zeros(images), np.zeros(images, np.bool_))
            assert [len(curve.recall), len(curve.precision), len(curve.thresholds)] == [0, 0, 0]


class TestThresholds:
    @pytest.mark.parametrize("levels", [0, 8])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_no_other_threshold_has_a_higher_f1(self, dtype: type, levels: int) -> None:
        scores, truth = random_data(500, 6, 1, dtype, levels)
        thresholds = best_thresholds(scores, truth)
        assert (truth.sum(0) >= FEW_POSITIVES).all()
        assert ((thresholds > 0) & (thresholds < 1)).all()
        predicted = predicted_labels(scores, thresholds)
        for k in range(6):
            reached = float(sk.f1_score(truth[:, k], predicted[:, k]))
            assert reached == pytest.approx(best_f1(scores[:, k], truth[:, k]), abs=1e-12)

    def test_halfway_between_the_scores_it_separates(self) -> None:
        scores = np.array([0.75] * 10 + [0.25] * 10)[:, None]
        assert best_thresholds(scores, scores > 0.5).tolist() == [0.5]
        assert best_thresholds(scores / 2, scores > 0.5).tolist() == [0.25]

    @pytest.mark.parametrize(
        ("high", "middle", "expected"),
        [
            (0.75, 0.25, 0.5),
            (0.875, 0.625, 0.3125),
            (1.0, 0.5, 0.75),
        ],  # the last two are equally close: the higher
    )
    def test_of_thresholds_with_equal_f1_the_closest_to_a_half_is_chosen(
        self, high: float, middle: float, expected: float
    ) -> None:
        scores = np.array([high] * 10 + [middle] * 30 + [0.0] * 5)[:, None]
        truth = np.array([True] * 20 + [False] * 25)[:, None]
        assert [sk.f1_score(truth, scores >= cut) for cut in (high, middle)] == [2 / 3, 2 / 3]
        assert best_thresholds(scores, truth).tolist() == [expected]

    def test_for_uninformative_scores_the_label_is_always_predicted(self) -> None:
        scores = np.full((100, 1), 0.4)
        truth = (np.arange(100) < 30)[:, None]
        assert best_thresholds(scores, truth).tolist() == [0.2]

    def test_few_positive_images_keep_a_half(self) -> None:
        scores = np.linspace(0.9, 0.1, 100)[:, None]
        for positive in (0, 1, FEW_POSITIVES - 1):
            truth = (np.arange(100) < positive)[:, None]
            assert best_thresholds(scores, truth).tolist() == [0.5]
        enough = (np.arange(100) < FEW_POSITIVES)[:, None]
        assert best_thresholds(scores, enough)[0] > 0.8

    @pytest.mark.parametrize(("value", "expected"), [(0.0, 0.5), (1.0, 0.5), (0.25, 0.125)])
    def test_all_positive_and_all_scores_equal(self, value: float, expected: float) -> None:
        scores = np.full((30, 1), value, np.float32)
        assert best_thresholds(scores, np.ones((30, 1), np.bool_)).tolist() == [expected]

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_neighbouring_floats_are_separated(self, dtype: type) -> None:
        for start in np.linspace(0.3, 0.7, 11).astype(dtype):
            above = np.nextafter(start, dtype(1))
            scores = np.array([above] * 15 + [start] * 15)[:, None]
            truth = (np.arange(30) < 15)[:, None]
            predicted = predicted_labels(scores, best_thresholds(scores, truth))
            assert (predicted == truth).all()

    def test_never_one_even_where_only_one_would_separate(self) -> None:
        below = np.nextafter(np.float32(1), np.float32(0))
        scores = np.array([1] * 15 + [below] * 5, np.float32)[:, None]
        truth = (np.arange(20) < 15)[:, None]
        assert best_thresholds(scores, truth).tolist() == [pytest.approx(0.5)]

    def test_no_images(self) -> None:
        thresholds = best_thresholds(np.zeros((0, 2)), np.zeros((0, 2), np.bool_))
        assert thresholds.tolist() == [0.5, 0.5]


def metrics_of(scores: Scores, truth: Flags, thresholds: Floats) -> dict[str, Any]:
    counts = label_counts(predicted_labels(scores, thresholds), truth)
    names = [f"label {k}" for k in range(truth.shape[1])]
    ap = average_precision(scores, truth)
    return multilabel_metrics(counts, ap, thresholds, 0.5 * len(truth), names)


class TestMetrics:
    @pytest.mark.parametrize("labels", [1, 2, 20])
    @pytest.mark.parametrize("seed", range(3))
    def test_equal_to_scikit_learn(self, seed: int, labels: int) -> None:
        scores, truth = random_data(250, labels, seed)
        thresholds = np.random.default_rng(seed).uniform(0.2, 0.8, labels)
        ours = metrics_of(scores, truth, thresholds)
        predicted = scores >= thresholds.astype(np.float32)
        # scikit-learn treats a single column as binary classification, so labels are scored one by one.
        columns = [(truth[:, k], predicted[:, k]) for k in range(labels)]
        rows = [sk.precision_recall_fscore_support(t, p, average="binary", zero_division=0)
                for t, p in columns]  # fmt: skip
        per_label = list(ours["per_label"].values())
        for key, place in (("precision", 0), ("recall", 1), ("f1", 2)):
            expected = [row[place] for row in rows]
            assert [row[key] for row in per_label] == pytest.approx(expected, abs=1e-12)
        assert ours["macro_f1"] == pytest.approx(np.mean([row[2] for row in rows]), abs=1e-12)
        assert ours["micro_f1"] == pytest.approx(
            sk.f1_score(truth.ravel(), predicted.ravel()), abs=1e-12
        )
        assert ours["exact_match"] == pytest.approx(sk.accuracy_score(truth, predicted), abs=1e-12)
        ap = [sk.average_precision_score(truth[:, k], scores[:, k]) for k in range(labels)]
        assert ours["map"] == pytest.approx(np.mean(ap), abs=1e-12)
        assert [row["ap"] for row in per_label] == pytest.approx(ap, abs=1e-12)
        assert [row["images"] for row in per_label] == truth.sum(0).tolist()
        assert [row["threshold"] for row in per_label] == thresholds.tolist()
        assert (ours["loss"], ours["images"]) == (0.5, 250)

    def test_counts_of_batches_add_up(self) -> None:
        scores, truth = random_data(100, 4, 0)
        predicted = scores >= 0.5
        whole = label_counts(predicted, truth)
        parts = [label_counts(predicted[a:b], truth[a:b]) for a, b in ((0, 7), (7, 60), (60, 100))]
        added = parts[2] + parts[0] + parts[1]
        for key in ("tp", "fp", "fn", "tn"):
            assert getattr(added, key).tolist() == getattr(whole, key).tolist()
        assert (added.exact, added.images) == (whole.exact, 100)
        matrices = sk.multilabel_confusion_matrix(truth, predicted)
        ours = np.stack([whole.tn, whole.fp, whole.fn, whole.tp], 1).reshape(4, 2, 2)
        assert ours.tolist() == matrices.tolist()

    def test_a_label_without_positive_images_is_left_out_of_the_means(self) -> None:
        scores = np.array([[0.9, 0.9], [0.1, 0.1], [0.8, 0.1]])
        truth = np.array([[True, False], [False, False], [True, False]])
        ours = metrics_of(scores, truth, np.array([0.5, 0.5]))
        assert (ours["map"], ours["macro_f1"]) == (1.0, 1.0)
        assert ours["micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1))
        assert ours["exact_match"] == pytest.approx(2 / 3)
        assert ours["per_label"]["label 1"] == {
            "images": 0, "ap": None, "precision": 0.0, "recall": 0.0, "f1": 0.0, "threshold": 0.5,
        }  # fmt: skip
        assert ours["intervals"]["label 1"]["recall"] == pytest.approx([0.0, 1.0])

    def test_intervals_are_wilsons_of_precision_and_recall(self) -> None:
        tp, fp, fn, tn = np.array([[30], [10], [20], [40]])
        counts = LabelCounts(tp, fp, fn, tn, exact=40)
        ours = multilabel_metrics(counts, np.ones(1), np.ones(1), 0.0, ["a"])["intervals"]["a"]
        assert ours["precision"] == pytest.approx([float(end) for end in wilson(30, 40)])
        assert ours["recall"] == pytest.approx([float(end) for end in wilson(30, 50)])

    def test_no_images_give_zeros_and_json_without_nan(self) -> None:
        ours = metrics_of(np.zeros((0, 2)), np.zeros((0, 2), np.bool_), np.array([0.5, 0.5]))
        keys = ("map", "micro_f1", "macro_f1", "exact_match", "loss", "images")
        assert [ours[key] for key in keys] == [0] * 6
        assert json.loads(json.dumps(ours, allow_nan=False)) == ours

    def test_thresholds_are_compared_in_the_dtype_of_the_scores(self) -> None:
        score = np.float32(0.7)  # below 0.7 in float64
        scores = np.array([[np.nextafter(score, np.float32(0))], [score]])
        assert predicted_labels(scores, np.array([0.7])).tolist() == [[False], [True]]
        assert (
            predicted_labels(scores.astype(np.float64), np.array([0.7])).tolist() == [[False]] * 2
        )
