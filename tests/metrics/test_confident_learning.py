"""Labels that look wrong, by probabilities of a model that has not seen them."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.metrics.confident_learning import (
    confident_classes,
    doubtful_flags,
    doubtful_labels,
    far_off,
)

SURE = np.array([[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.1, 0.9], [0.2, 0.8], [0.97, 0.03]])


def test_a_class_needs_the_mean_probability_of_its_own_images() -> None:
    """Thresholds here are (0.9 + 0.8 + 0.05) / 3 = 0.583 and (0.9 + 0.8 + 0.03) / 3 = 0.577."""
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert confident_classes(SURE, labels).tolist() == [0, 0, 1, 1, 1, 0]
    torn = np.array([[0.55, 0.45]])
    assert confident_classes(np.concatenate([SURE, torn]), np.append(labels, 0))[-1] == -1
    assert confident_classes(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 0])).tolist() == [
        0,
        -1,
    ]


def test_planted_errors_come_out_the_least_probable_label_first() -> None:
    places, suggested, scores = doubtful_labels(SURE, np.array([0, 0, 0, 1, 1, 1]))
    assert (places.tolist(), suggested.tolist()) == ([5, 2], [0, 1])
    assert scores == pytest.approx([0.97, 0.95])


def test_right_labels_are_left_alone_however_unsure() -> None:
    """An image of a frequent class reaches the low mean of a rare one, but is likelier its own."""
    probabilities = np.array([[0.97, 0.03]] * 20 + [[0.9, 0.1]] + [[0.96, 0.04]])
    labels = np.array([0] * 21 + [1])
    assert confident_classes(probabilities, labels)[20] == 1
    assert 20 not in doubtful_labels(probabilities, labels)[0].tolist()


def test_a_class_without_images_is_never_suggested() -> None:
    probabilities = np.array([[0.3, 0.1, 0.6], [0.3, 0.1, 0.6], [0.1, 0.8, 0.1]])
    assert len(doubtful_labels(probabilities, np.array([0, 0, 1]))[0]) == 0


def test_each_of_several_labels_is_judged_alone() -> None:
    probabilities = np.array([[0.9, 0.1], [0.95, 0.9], [0.1, 0.05], [0.2, 0.9]])
    truth = np.array([[1, 0], [1, 1], [1, 0], [0, 1]], np.bool_)
    doubtful, scores = doubtful_flags(probabilities, truth)
    assert np.argwhere(doubtful).tolist() == [[2, 0]]
    assert scores[2, 0] == pytest.approx(0.9)
    assert scores.sum() == scores[2, 0]


def test_residuals_are_measured_by_the_usual_ones() -> None:
    residuals = np.array([-1.0, 1.0, -1.0, 1.0, 0.0, 30.0, -10.0])
    places, distances = far_off(residuals)
    assert places.tolist() == [5, 6]
    assert distances == pytest.approx([30 / 1.4826, 10 / 1.4826])
    places, distances = far_off(np.array([0.0] * 9 + [5.0]))
    assert places.tolist() == [9]
    assert distances == pytest.approx([10.0])  # the usual one is their mean, 0.5
    assert len(far_off(np.zeros(4))[0]) == 0


def test_of_no_images_none_look_wrong() -> None:
    empty = np.zeros(0, np.int64)
    assert [len(part) for part in doubtful_labels(np.zeros((0, 2)), empty)] == [0, 0, 0]
    assert [len(part) for part in far_off(np.zeros(0))] == [0, 0]
