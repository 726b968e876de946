"""The first sentences of a page."""

from __future__ import annotations

from collections.abc import Callable

import onestop
from onestop.reporting.summary import about, headline, network_of, remarks, source_of, title
from tests.reporting.conftest import ODD
from tests.reporting.html import Page
from tests.reporting.made import classified, prediction

Trained = Callable[..., onestop.Run]


def test_the_sentence_says_how_well_and_how_sure(page: Page, trained: Trained) -> None:
    metrics = trained("first").metrics
    hits = round(metrics["accuracy"] * metrics["images"])
    said = " ".join(page.sections["result"].split())
    assert "lenet5 was trained on odd photos (2 classes, 22 training images)" in said, "read"
    assert f"classifies {hits} of 17 held-out test images correctly" in said
    assert f"accuracy {metrics['accuracy']:.1%} (95% confidence interval " in said
    assert f"Always predicting {ODD!r} would be right 53% of the time" in said


def test_names_are_short_and_say_what_is_meant() -> None:
    run = classified(prediction("ant", "ant"))
    assert network_of(run) == "resnet18"
    assert source_of(run) == "photos"
    assert title(run) == "resnet18 on photos"
    assert "first" in about(run)
    assert "done" in about(run)


def test_a_run_that_is_not_done_says_how_far_it_is() -> None:
    run = classified(prediction("ant", "ant"), state="stopped", epochs=[{"epoch": "1"}])
    assert "so far" in headline(run)
    assert "1" in remarks(run)[-1]
    assert "2 epochs" in remarks(run)[-1], "of which it has done one"


def test_the_split_decides_what_is_warned_of() -> None:
    run = classified(prediction("ant", "ant"), epochs=[{"epoch": "1"}])
    optimistic, unfair = (
        remarks(classified(prediction("ant", "ant"), epochs=run.epochs,
                           metrics={**run.metrics, "split": split}))
        for split in ("val", "train")
    )  # fmt: skip
    assert len(remarks(run)) == 1, "what always predicting the most frequent class would give"
    assert len(optimistic) == len(unfair) == 2
    assert optimistic[0] != unfair[0]


def test_a_run_without_a_score_has_a_headline_too() -> None:
    assert headline(classified(metrics={})).startswith("resnet18 ")
