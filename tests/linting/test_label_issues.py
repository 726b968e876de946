"""The table of labels that look wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onestop.data.targets import Classes, Numbers
from onestop.linting.findings import Place
from onestop.linting.label_issues import (
    LabelIssue,
    LabelIssues,
    few_images,
    read_label_issues,
    write_label_issues,
)

ISSUES = (
    LabelIssue("train/ants/1.jpg", "ants", "bees", 0.94, "train"),
    LabelIssue("=x, y.png", "", "a|b", 12.5, "val"),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "label_issues.csv"
    write_label_issues(path, ISSUES)
    assert path.read_text().splitlines()[:2] == [
        "image,label,suggested,score,split", "train/ants/1.jpg,ants,bees,0.94,train",
    ]  # fmt: skip
    assert read_label_issues(path) == list(ISSUES)
    write_label_issues(path, ())
    assert read_label_issues(path) == []


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "image,label,suggested,score,split\na,b,c,nan,d\n",
             "image,label,suggested,score,split\na,b\n", "image,label,suggested,score,split\n\0"],
)  # fmt: skip
def test_a_damaged_table_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "label_issues.csv"
    assert read_label_issues(path) is None
    path.write_text(text)
    assert not read_label_issues(path)


def test_a_finding_has_each_image_and_its_suggestion() -> None:
    places = (Place("train", 3), Place("val", 0))
    issues = LabelIssues(ISSUES, places, 40)
    (finding,) = issues.finding()
    assert finding.text == "2 of 40 labels look wrong"
    assert finding.groups == ((places[0],), (places[1],))
    assert finding.reasons == ("rather bees (0.94)", "rather a|b (12)")
    assert ISSUES[1].text == "=x, y.png (no label, rather a|b)"
    assert LabelIssues(ISSUES[:1], places[:1], 40).text == "1 of 40 labels looks wrong"
    assert LabelIssues(checked=3).finding() == []
    assert LabelIssues(checked=3).text == "no label of 3 images looks wrong"


def test_few_images_are_said() -> None:
    classes = Classes(np.array([0] * 30 + [1] * 5), ("ants", "bees", "none of these"))
    assert few_images(classes) == "labels of 1 class with under 20 images are judged poorly: bees 5"
    assert few_images(Classes(np.arange(60) % 2, ("a", "b"))) == ""
    assert few_images(Numbers(np.zeros(19))) == "19 images are too few to judge labels by"
    assert few_images(Numbers(np.zeros(20))) == ""
