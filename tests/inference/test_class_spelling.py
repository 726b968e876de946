"""Folders called like ImageNet's classes, as people have them."""

from __future__ import annotations

import pytest

from onestop.errors import DataError
from onestop.inference.class_spelling import Spelling
from onestop.networks.imagenet import imagenet_names, synsets


@pytest.fixture(scope="module")
def imagenet() -> Spelling:
    return Spelling(imagenet_names())


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("tench", 0), ("Tench", 0), ("tench, Tinca tinca", 0), ("Tinca tinca", 0), ("0", 0),
        ("000", 0), ("n01440764", 0), ("n01440764_tench", 0), ("n01440764 tench", 0),
        ("tench-n01440764", 0), ("000_tench", 0), ("0. tench", 0), ("tench_Tinca_tinca", 0),
        ("great_white_shark", 2), ("great-white-shark", 2), ("man-eater", 2), ("999", 999),
        ("toilet tissue", 999), ("cardigan", 474), ("Cardigan", 264), ("n02219486", 310),
    ],
)  # fmt: skip
def test_a_class_of_imagenet_is_known_by_every_name_that_people_write(
    imagenet: Spelling, written: str, number: int
) -> None:
    assert imagenet.find(written) == number


@pytest.mark.parametrize(
    "written",
    ["1000", "1_tench", "ants", "n99999999", "n0144076", "n014407641", "", "-1", "xn01440764"],
)
def test_what_is_no_class_is_none(imagenet: Spelling, written: str) -> None:
    assert imagenet.find(written) is None


def test_a_name_of_several_classes_is_refused(imagenet: Spelling) -> None:
    with pytest.raises(
        DataError, match=r"'CARDIGAN' may be Cardigan \(264\), cardigan \(474\); use"
    ):
        imagenet.find("CARDIGAN")


def test_every_class_is_known_by_its_own_name_number_and_synonyms(imagenet: Spelling) -> None:
    names = imagenet_names()
    for k, (number, synonyms) in enumerate(synsets(1000)):
        assert imagenet.find(names[k]) == imagenet.find(number) == imagenet.find(str(k)) == k
        assert imagenet.find(f"{number}_{names[k].replace(' ', '_')}") == k
        if synonyms not in names:  # "crane" is the machine, and all that the bird is called
            assert imagenet.find(synonyms) == k


@pytest.mark.parametrize("way", [0, 1])
def test_lists_that_others_wrote_are_imagenets_too(way: int) -> None:
    spelling = Spelling([row[way] for row in synsets(1000)])
    assert spelling.is_imagenet
    assert spelling.find("tench") == spelling.find("n01440764") == spelling.find("0") == 0


def test_another_thousand_classes_are_known_by_their_names_alone() -> None:
    spelling = Spelling([f"person {k}" for k in range(1000)])
    assert not spelling.is_imagenet
    assert spelling.find("person 7") == 7
    assert spelling.find("7") is spelling.find("tench") is None


def test_outputs_without_names_are_known_by_number_and_ones_own_classes_are_not() -> None:
    assert Spelling(["class 0", "class 1"]).find("01") == 1
    assert Spelling(["ants", "bees"]).find("1") is None
    assert Spelling(["3", "5"]).find("5") == 1
