"""Classes and groups: what is counted, and what does not fit."""

from __future__ import annotations

import dataclasses

import numpy as np

from onestop.linting.counts import class_rows, of_classes, of_groups
from onestop.linting.findings import Place
from tests.linting.made import arrays


def test_a_row_per_class_has_the_images_of_each_split() -> None:
    dataset = arrays(train=["ant"] * 3 + ["bee"], val=["bee"] * 2)
    assert class_rows(dataset) == [
        {"class": "ant", "train": 3, "val": 0}, {"class": "bee", "train": 1, "val": 2},
    ]  # fmt: skip


def test_even_classes_with_enough_images_are_fine() -> None:
    assert of_classes(arrays(train=["ant"] * 10 + ["bee"] * 12, val=["ant", "bee"])) == []


def test_missing_small_and_uneven_classes_are_three_findings() -> None:
    found = of_classes(arrays(train=["ant"] * 40 + ["bee"] * 4, val=["ant"]))
    assert [finding.kind for finding in found] == [
        "missing classes", "few images", "uneven classes",
    ]  # fmt: skip
    assert {finding.level for finding in found} == {"warning"}
    assert "bee" in found[0].text
    assert "4" in found[1].text
    assert "40" in found[2].text


def test_groups_in_several_splits_are_a_leak() -> None:
    dataset = arrays(train=["ant", "bee", "ant"], val=["ant", "bee"])
    groups = {"train": np.array([7, 8, 9]), "val": np.array([9, 5])}
    (finding,) = of_groups(dataclasses.replace(dataset, groups=groups))
    assert finding.level == "leak"
    assert finding.groups == ((Place("train", 2), Place("val", 0)),)
    apart = {**groups, "val": np.array([1, 5])}
    assert of_groups(dataclasses.replace(dataset, groups=apart)) == []
    assert of_groups(dataset) == [], "no groups are known"
