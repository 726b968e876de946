"""What single images are like."""

from __future__ import annotations

import dataclasses

from onestop.data.dataset import Skipped
from onestop.images.header import Header
from onestop.linting.findings import Finding, Place
from onestop.linting.images import of_images
from onestop.linting.inspection import Inspection
from tests.linting.made import arrays

DATASET = arrays(train=["ant"] * 4 + ["bee"])
USUAL = Inspection(height=100, width=100, header=Header("JPEG", "RGB", turned=False))


def found(*looks: Inspection, skipped: tuple[Skipped, ...] = ()) -> dict[str, Finding]:
    places = {Place("train", i): look for i, look in enumerate(looks)}
    dataset = dataclasses.replace(DATASET, skipped=skipped)
    return {finding.kind: finding for finding in of_images(places, dataset)}


def test_usual_images_are_fine() -> None:
    assert found(USUAL, USUAL, USUAL) == {}
    assert found() == {}


def test_sizes_are_held_against_the_usual_one() -> None:
    odd = (
        dataclasses.replace(USUAL, height=20), dataclasses.replace(USUAL, width=900),
        dataclasses.replace(USUAL, height=5001, width=5000),
    )  # fmt: skip
    findings = found(USUAL, USUAL, *odd)
    assert {kind: finding.groups for kind, finding in findings.items()} == {
        "tiny": ((Place("train", 2),),),
        "narrow": ((Place("train", 3),),),
        "huge": ((Place("train", 4),),),
    }
    assert findings["tiny"].reasons == ("100x20",)


def test_images_that_cannot_be_read_are_that_and_nothing_else() -> None:
    findings = found(USUAL, Inspection(error="empty file"), skipped=(Skipped("a.txt", "is text"),))
    assert findings["unreadable"].reasons == ("empty file",)
    assert findings["other files"].reasons == ("a.txt: is text",)
    assert set(findings) == {"unreadable", "other files"}
    assert set(found(Inspection(error="empty file"))) == {"unreadable"}, "none can be read"


def test_kinds_are_noted_where_they_differ() -> None:
    grey, turned, printed = (
        dataclasses.replace(USUAL, header=header)
        for header in (
            Header("PNG", "L", turned=False),
            Header("JPEG", "RGB", turned=True),
            Header("JPEG", "CMYK", turned=False),
        )
    )
    assert set(found(USUAL, grey)) == {"channels", "formats"}
    assert found(USUAL, turned)["turned by EXIF"].level == "note"
    assert found(USUAL, printed)["channels"].groups == ((Place("train", 1),),)


def test_plain_and_partly_read_images_are_warned_of() -> None:
    findings = found(
        dataclasses.replace(USUAL, plain=True), dataclasses.replace(USUAL, remark="damaged in part")
    )
    assert {kind: finding.level for kind, finding in findings.items()} == {
        "one colour": "warning", "partly read": "warning",
    }  # fmt: skip
    assert findings["partly read"].reasons == ("damaged in part",)
