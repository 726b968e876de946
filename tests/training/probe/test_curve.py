"""The curve of a probe on made features: it rises with the images, and too few are refused."""

from __future__ import annotations

import numpy as np
import pytest

from onestop.errors import DataError
from onestop.tasks import make_task
from onestop.training.probe.curve import learning_curve
from tests.training.probe.made import blobs, dataset, whole

LABELS = np.arange(200) % 3


def test_more_images_are_better_and_sizes_double() -> None:
    data = dataset(train=LABELS)
    task = make_task(data.task, data.classes, {})
    curve = learning_curve(task, data.targets, whole(blobs(LABELS, 2.0)), None, 0)
    assert curve.values.shape == (5, len(curve.sizes))
    assert curve.sizes[-1] == pytest.approx(160)
    assert curve.sizes[1:] / curve.sizes[:-1] == pytest.approx(2, abs=0.15)
    assert curve.sizes[0] >= 9
    means = curve.values.mean(0)
    assert 0.4 < means[0] < means[-1] < 1


@pytest.mark.thorough
def test_it_is_the_same_again_and_another_with_another_seed() -> None:
    data = dataset(train=LABELS)
    task, features = make_task(data.task, data.classes, {}), whole(blobs(LABELS, 2.0))
    first, again, other = (
        learning_curve(task, data.targets, features, None, seed).values for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_numbers_have_a_curve_too() -> None:
    values = blobs(LABELS, 1.0)
    rng = np.random.default_rng(0)
    numbers = (values.numpy() @ rng.normal(size=6) + rng.normal(0, 0.5, 200)).astype(np.float32)
    data = dataset(train=numbers)
    curve = learning_curve(make_task(data.task, (), {}), data.targets, whole(values), None, 0)
    means = curve.values.mean(0)
    assert means[0] > means[-1] > 0.4


def test_groups_stay_together() -> None:
    """Copies in other folds would make the curve perfect."""
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, 50), 4)
    values = blobs(np.arange(50), 3.0).repeat_interleave(4, 0)
    data = dataset(train=labels)
    task, groups = make_task(data.task, data.classes, {}), np.arange(200) // 4
    apart = learning_curve(task, data.targets, whole(values), groups, 0).values[:, -1].mean()
    mixed = learning_curve(task, data.targets, whole(values), None, 0).values[:, -1].mean()
    assert apart < mixed


def test_too_few_images_are_refused() -> None:
    data = dataset(train=LABELS[:30])
    task = make_task(data.task, data.classes, {})
    with pytest.raises(DataError, match="30 training images are too few for a curve"):
        learning_curve(task, data.targets, whole(blobs(LABELS[:30])), None, 0)
