"""The table of classes: how many of each are found, and how sure that is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import onestop
from onestop.reporting.blocks import Table
from onestop.reporting.classes import FEW, class_table, recalls
from onestop.reporting.gather import gather
from onestop.tasks import Label
from tests.reporting.conftest import ODD
from tests.reporting.html import Page
from tests.reporting.made import classified, prediction

Trained = Callable[..., onestop.Run]


def test_classes_with_few_images_are_warned_of(page: Page) -> None:
    assert "2 classes have fewer than 30 held-out images" in page.sections["classes"]


def test_a_class_that_was_never_named_has_no_precision(trained: Trained) -> None:
    found = gather(trained("first").folder)
    found.predictions = [
        dataclasses.replace(v, labels=(Label("blue", 0.5),), correct=v.truth == ("blue",))
        for v in found.predictions
    ]
    table = class_table(found)[-1]
    assert isinstance(table, Table)
    assert {row[0]: row[3] for row in table.rows}[ODD] == "never predicted"


def test_recall_and_precision_are_counted_by_hand() -> None:
    run = classified(
        *(prediction("ant", label) for label in ("ant", "ant", "ant", "bee")),
        *(prediction("bee", label) for label in ("bee", "ant")),
    )
    table = class_table(run)[-1]
    assert isinstance(table, Table)
    ant, bee = table.rows
    assert [str(cell) for cell in ant] == ["ant", "4 (few)", "75.0%", "75.0%", "75.0%", "bee 1"]
    assert [str(cell) for cell in bee] == ["bee", "2 (few)", "50.0%", "50.0%", "50.0%", "ant 1"]
    assert {name: share.at for name, share in recalls(run).items()} == {"ant": 0.75, "bee": 0.5}


def test_enough_images_need_no_warning_and_absent_classes_no_row() -> None:
    run = classified(*(prediction("ant", "ant") for _ in range(FEW)))
    blocks = class_table(run)
    table = blocks[-1]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["ant"]
    assert list(recalls(run)) == ["ant"]
