"""Figures from the confusion matrix against scikit-learn's from all labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from onestop.metrics.counts import classification_metrics, regression_metrics


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_scikit_learn(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, said = rng.integers(0, classes, 200), rng.integers(0, classes, 200)
    said = np.where(rng.random(200) < 0.6, truth, said)
    labels = list(range(classes))
    confusion = sk.confusion_matrix(truth, said, labels=labels)
    ours = classification_metrics(confusion, 150, 12.5, tuple(map(str, labels)))
    precision, recall, f1, images = sk.precision_recall_fscore_support(
        truth, said, labels=labels, zero_division=0
    )
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(truth, said), abs=1e-12)
    assert ours["macro_f1"] == pytest.approx(f1.mean(), abs=1e-12)
    assert (ours["top5"], ours["loss"], ours["images"]) == (0.75, 0.0625, 200)
    for k in labels:
        row = ours["per_class"][str(k)]
        assert row["images"] == images[k]
        wanted = [precision[k], recall[k], f1[k]]
        assert [row["precision"], row["recall"], row["f1"]] == pytest.approx(wanted, abs=1e-12)


def test_a_class_without_images_does_not_lower_the_macro_figure() -> None:
    figures = classification_metrics(np.diag([3, 2, 0]), 5, 0.0, ("a", "b", "c"))
    assert figures["macro_f1"] == 1.0
    assert figures["per_class"]["c"] == {"images": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_no_images_at_all_give_zeros_and_no_warning() -> None:
    figures = classification_metrics(np.zeros((2, 2), np.int64), 0, 0.0, ("a", "b"))
    assert (figures["accuracy"], figures["macro_f1"], figures["loss"]) == (0.0, 0.0, 0.0)


def test_regression_equal_to_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, said = rng.normal(size=50), rng.normal(size=50)
    error = truth - said
    ours = regression_metrics(
        50, (error**2).sum(), np.abs(error).sum(), truth.sum(), (truth**2).sum()
    )
    assert ours["loss"] == pytest.approx(sk.mean_squared_error(truth, said))
    assert ours["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, said))
    assert ours["mae"] == pytest.approx(sk.mean_absolute_error(truth, said))
    assert ours["r2"] == pytest.approx(sk.r2_score(truth, said))
