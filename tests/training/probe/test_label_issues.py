"""Planted errors among made features are named, whatever the task; few or no features are said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onestop.tasks import make_task
from onestop.training.probe import label_issues as module
from onestop.training.probe.features import Features
from onestop.training.probe.label_issues import label_issues
from tests.training.probe.made import COUNT, blobs, dataset, whole

TRUE = np.arange(COUNT) % 3
PLANTED = (4, 50, 77)


def names() -> list[str]:
    return [f"class{k}" for k in range(3)]


def with_errors() -> np.ndarray:
    labels = TRUE.copy()
    labels[list(PLANTED)] = (labels[list(PLANTED)] + 1) % 3
    return labels


def test_planted_errors_of_two_splits_are_named_and_no_others() -> None:
    labels = with_errors()
    data = dataset(train=labels[:60], val=labels[60:])
    values = blobs(TRUE)
    features = {"train": whole(values[:60]), "val": whole(values[60:])}
    issues = label_issues(make_task(data.task, data.classes, {}), data, features, 0)
    assert sorted((p.split, p.index) for p in issues.places) == [
        ("train", 4), ("train", 50), ("val", 17),
    ]  # fmt: skip
    for issue, place in zip(issues.found, issues.places, strict=True):
        index = place.index + 60 * (place.split == "val")
        assert (issue.label, issue.suggested) == (str(labels[index]), str(TRUE[index]))
        assert 0.5 < issue.score <= 1
        assert issue.image == data.splits[place.split].name(place.index)
    assert [i.score for i in issues.found] == sorted((i.score for i in issues.found), reverse=True)
    assert (issues.checked, issues.note) == (COUNT, "")


def test_images_without_features_are_left_out_and_places_stay_right() -> None:
    data, values = dataset(train=with_errors()), blobs(TRUE)
    indices = np.arange(1, COUNT)
    issues = label_issues(
        make_task(data.task, data.classes, {}), data, {"train": Features(indices, values[1:])}, 0
    )
    assert sorted(place.index for place in issues.places) == list(PLANTED)


def test_several_labels_and_numbers_are_judged_too() -> None:
    truth = np.stack([TRUE != 0, TRUE != 1], axis=1).astype(np.int64)
    values = blobs(TRUE)
    wrong = truth.copy()
    wrong[7, 0] ^= 1
    data = dataset(train=[{n for n, has in zip("ab", row, strict=True) if has} for row in wrong])
    issues = label_issues(make_task(data.task, data.classes, {}), data, {"train": whole(values)}, 0)
    assert [place.index for place in issues.places] == [7]
    given, better = (
        {n for n, has in zip("ab", row, strict=True) if has} for row in (wrong[7], truth[7])
    )
    assert set(issues.found[0].label.split("|")) - {""} == given
    assert set(issues.found[0].suggested.split("|")) - {""} == better

    rng = np.random.default_rng(0)
    numbers = values.numpy() @ rng.normal(size=6) + rng.normal(0, 0.1, COUNT)
    numbers[30] += 20
    data = dataset(train=numbers.astype(np.float32))
    issues = label_issues(make_task(data.task, (), {}), data, {"train": whole(values)}, 0)
    assert issues.places[0].index == 30
    assert float(issues.found[0].label) == pytest.approx(numbers[30], abs=1e-3)
    assert float(issues.found[0].suggested) == pytest.approx(numbers[30] - 20, abs=5)
    assert issues.found[0].score > 3.5


def test_of_too_many_labels_a_part_of_each_class_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VALUES", 0)
    monkeypatch.setattr(module, "_FEWEST", 60)
    data = dataset(train=TRUE)
    task = make_task(data.task, data.classes, {})
    issues = label_issues(task, data, {"train": whole(blobs(TRUE))}, 0)
    assert issues.checked == 60
    assert issues.note == "only 60 of 120 labels were judged"


def test_what_cannot_be_judged_is_said() -> None:
    few = dataset(train=TRUE[:6])
    task = make_task(few.task, few.classes, {})
    issues = label_issues(task, few, {"train": whole(blobs(TRUE[:6]))}, 0)
    assert issues.note == "6 images are too few to judge labels by"
    bad = blobs(TRUE)
    bad[0, 0] = torch.nan
    data = dataset(train=TRUE)
    for features in ({"train": whole(bad)}, {}, {"train": whole(torch.zeros(0, 0))}):
        found = label_issues(make_task(data.task, data.classes, {}), data, features, 0)
        assert found.found == ()
        assert "no finite features" in found.note


def test_images_of_one_group_are_not_judged_by_each_other() -> None:
    """Pairs of copies with the same wrong label would otherwise confirm each other."""
    from dataclasses import replace

    labels = np.repeat(with_errors()[: COUNT // 2], 2)
    true = np.repeat(TRUE[: COUNT // 2], 2)
    data = dataset(train=labels)
    data = replace(data, groups={"train": np.arange(COUNT) // 2})
    values = blobs(TRUE[: COUNT // 2]).repeat_interleave(2, 0)
    task = make_task(data.task, data.classes, {})
    issues = label_issues(task, data, {"train": whole(values)}, 0)
    assert {place.index for place in issues.places} == set(np.flatnonzero(labels != true).tolist())
