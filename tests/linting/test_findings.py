"""Findings, with the images they are about in words."""

from __future__ import annotations

from onestop.linting.findings import Finding, Place, described, words_of, worst_first
from tests.linting.made import arrays

DATASET = arrays(train=["ant", "bee"], val=["bee"])


def test_an_image_is_described_by_split_name_and_class() -> None:
    assert described(Place("val", 0), DATASET) == {"split": "val", "image": "#0", "class": "bee"}
    assert words_of(Place("train", 0), DATASET) == ("ant",)


def test_leaks_come_first_and_else_the_order_stays() -> None:
    levels = ("note", "leak", "warning", "leak", "note")
    findings = [Finding(str(i), level, "") for i, level in enumerate(levels)]  # type: ignore[arg-type]
    assert [finding.kind for finding in worst_first(findings)] == ["1", "3", "2", "0", "4"]


def test_json_has_all_of_it_with_images_in_words() -> None:
    groups = ((Place("train", 0), Place("val", 0)), (Place("train", 1),))
    finding = Finding("copies", "leak", "some", groups, ("why", "why not"))
    assert finding.images == 3
    found = finding.to_json(DATASET)
    assert (found["kind"], found["level"], found["images"]) == ("copies", "leak", 3)
    assert [[image["image"] for image in group] for group in found["groups"]] == [
        ["#0", "#0"], ["#1"],
    ]  # fmt: skip
    assert found["reasons"] == ["why", "why not"]
