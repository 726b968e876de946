"""The section on labels that look wrong."""

from __future__ import annotations

import numpy as np
import pytest

import onestop
from onestop.linting.label_issues import LabelIssue
from onestop.reporting.blocks import Gallery, Table, Text
from onestop.reporting.images import issue_tiles
from onestop.reporting.label_issues import label_blocks
from tests.reporting.made import classified, prediction

ISSUE = LabelIssue("train/ant/1.jpg", "ant", "bee", 0.94, "train")


def test_a_run_in_which_nobody_looked_has_no_section() -> None:
    assert label_blocks(classified(prediction("ant", "ant")), []) == []


def test_without_images_they_are_a_table() -> None:
    other = LabelIssue("x.png", "", "bee", 0.5, "val")
    first, table = label_blocks(classified(label_issues=[ISSUE, other]), [])
    assert isinstance(first, Text)
    assert isinstance(table, Table)
    assert first.text.startswith(
        "2 labels of training and validation images look wrong to a linear"
    )
    assert table.rows == [
        ("train/ant/1.jpg", "train", "ant", "bee", "0.94"), ("x.png", "val", "", "bee", "0.50"),
    ]  # fmt: skip


def test_where_none_looks_wrong_that_is_said() -> None:
    (text,) = label_blocks(classified(label_issues=[]), [])
    assert text == Text("No label of a training or validation image looks wrong.")


@pytest.mark.thorough
def test_pictures_are_found_by_split_and_name_and_few_images_are_said() -> None:
    pixels = np.zeros((8, 16, 16, 3), np.uint8)
    run = onestop.train(
        {"train": (pixels, np.arange(8) % 2), "val": (pixels[:2], [0, 1])},
        model="cnn1", image_size=8, epochs=1, quiet=True, threads=1,
    )  # fmt: skip
    dataset = onestop.open_data({"train": (pixels, np.arange(8) % 2), "val": (pixels[:2], [0, 1])})
    name = dataset.splits["val"].name(1)
    issues = [LabelIssue(name, "1", "0", 0.9, "val"), LabelIssue("gone", "1", "", 0.8, "train")]
    made = classified(label_issues=issues, dataset=dataset, model=run.model())
    _, caution, gallery, table = label_blocks(made, issue_tiles(made))
    assert caution == Text("8 images are too few to judge labels by.")
    assert isinstance(gallery, Gallery)
    assert isinstance(table, Table)
    assert [bool(tile.image) for tile in gallery.tiles] == [True, False]
    assert list(gallery.tiles[0].lines) == ["labelled 1", "rather 0", "score 0.90"]
    assert list(gallery.tiles[1].lines) == ["labelled 1", "rather no label", "score 0.80"]
