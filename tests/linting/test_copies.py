"""Groups of copies, and what is wrong with each."""

from __future__ import annotations

from pathlib import Path

from onestop.data import open_data
from onestop.linting.copies import connected, copy_findings, exact_copies, group_by_key, near_copies
from onestop.linting.findings import Place, described
from onestop.linting.inspection import Inspection, inspect_all
from tests.linting.made import arrays
from tests.linting.test_near_duplicates import image

A, B, C, D, E = (Place("train", i) for i in range(5))
V = Place("val", 0)
DATASET = arrays(train=["ant", "ant", "bee", "bee", "bee"], val=["ant", "bee"])


def test_places_with_the_same_key_belong_together() -> None:
    assert group_by_key({C: 1, A: 1, B: 2, V: 1}) == [[A, C, V]]
    assert group_by_key({A: 1, B: 2}) == []


def test_a_chain_of_pairs_is_one_group() -> None:
    assert connected([(A, B), (D, E), (C, B)]) == [[A, B, C], [D, E]]
    assert connected([(A, B), (C, D), (B, C), (A, D)]) == [[A, B, C, D]]
    assert connected([]) == []


def test_copies_leak_or_quarrel_or_are_harmless() -> None:
    groups = [(A, V), (A, C), (C, D), (B, V, C)]
    found = {
        finding.level: finding for finding in copy_findings(groups, DATASET, "copies", "alike")
    }
    assert found["leak"].groups == ((A, V), (B, V, C))
    assert found["warning"].groups == ((A, C), (B, V, C))
    assert found["note"].groups == ((C, D),)
    assert found["leak"].images == 5
    assert copy_findings([], DATASET, "copies", "alike") == []


def test_unreadable_images_are_copies_of_nothing() -> None:
    looks = {
        A: Inspection(error="broken"),
        B: Inspection(error="broken"),
        C: Inspection(digest=b"1"),
    }
    assert exact_copies(looks, DATASET) == []


def test_an_image_that_was_made_smaller_is_near_and_not_exact(tmp_path: Path) -> None:
    for number in range(12):
        name = ("ants", "bees")[number % 2]
        (tmp_path / name).mkdir(exist_ok=True)
        image(number).save(tmp_path / name / f"{number:02d}.png")
    image(0).resize((60, 48)).save(tmp_path / "bees" / "small.png")
    dataset = open_data(tmp_path, val_fraction=0)
    looks = inspect_all(dataset, 0, lambda *_: None)
    assert exact_copies(looks, dataset) == []
    (finding,) = near_copies(looks, dataset, 0, lambda *_: None)
    names = [[described(place, dataset)["image"] for place in group] for group in finding.groups]
    assert names == [["ants/00.png", "bees/small.png"]]
    assert finding.level == "warning", "an ant and a bee"
