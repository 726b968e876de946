"""The report of several labels per image: its metrics are those of the predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import onestop
from onestop.metrics.intervals import wilson
from onestop.metrics.map_intervals import map_interval
from onestop.reporting import RunData, write_report
from onestop.reporting.blocks import Gallery, Section, Share, Table, Text
from onestop.reporting.gather import gather
from onestop.reporting.tasks import report_of
from onestop.tasks.labels_prediction import LabelsPrediction
from onestop.tasks.multilabel import scores_and_truth
from tests.labelled import labelled_photos, train
from tests.reporting.html import Page

ODD = ("<b>blue & 'co'", "green|or|lime", "red")
"""Names with special characters of HTML and of tables."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    folder = tmp_path_factory.mktemp("odd")
    table = labelled_photos(folder / "set", names=ODD)
    text = table.read_text().replace("labels", "labels(;)", 1)
    lines = [line.replace("|", ";") for line in text.splitlines()]
    table.write_text("\n".join(line.replace("green;or;lime", ODD[1]) for line in lines) + "\n")
    return train(table, folder, "run", epochs=3)


@pytest.fixture
def found(run: onestop.Run) -> RunData:
    return gather(run.folder)


def sections(found: RunData) -> dict[str, Section]:
    return {section.key: section for section in found.report.sections(found)}


def predictions(found: RunData) -> list[LabelsPrediction]:
    assert all(isinstance(p, LabelsPrediction) for p in found.predictions)
    return found.predictions  # type: ignore[return-value]


def test_names_with_special_characters_are_shown_as_they_are(
    found: RunData, tmp_path: Path
) -> None:
    assert found.names == tuple(sorted(ODD))
    page = Page(write_report(found, tmp_path / "page.html"))
    assert page.unbalanced == []
    assert ODD[0] in page.sections["labels"]
    assert not page.of("b") or all("style" in tag for tag in page.of("b"))
    assert {path.name for path in tmp_path.iterdir()} == {"page.html"}, "and no table next to it"


def test_the_first_sentence(found: RunData) -> None:
    scores, truth = scores_and_truth(found.predictions, found.names)
    low, high = map_interval(scores, truth)
    exact = sum(bool(p.correct) for p in found.predictions)
    ends = [f"{float(end):.1%}" for end in wilson(exact, 32)]
    assert found.report.result(found) == (
        f"reaches a mean average precision (mAP) of {found.metrics['map']:.1%} on 32 held-out test "
        f"images (95% confidence interval {low:.1%} to {high:.1%}); all labels are correct on {exact} "
        f"of them: exact match {exact / 32:.1%} ({ends[0]} to {ends[1]})"
    )
    empty = sum(p.truth == () for p in found.predictions)
    assert found.report.remarks(found) == [
        f"Random scores would have an mAP of about {truth.mean():.1%}.",
        f"Never predicting a label would be right for {empty / 32:.1%} of the images.",
    ]


def test_on_the_validation_split_metrics_are_called_optimistic(found: RunData) -> None:
    found.metrics["split"] = "val"
    assert "The thresholds were chosen on the same images" in found.report.remarks(found)[-1]


def test_the_table_of_labels(found: RunData) -> None:
    warning, table = sections(found)["labels"].blocks
    assert isinstance(warning, Text)
    assert (
        "labels have fewer than 30 held-out images, so these metrics are imprecise: "
        in warning.text
    )
    assert isinstance(table, Table)
    for name, row in zip(found.names, table.rows, strict=True):
        values = found.metrics["per_label"][name]
        assert row[0] == name
        assert str(row[1]).removesuffix(" (few)") == str(values["images"])
        assert isinstance(row[3], Share)
        assert isinstance(row[4], Share)
        assert row[3].at == pytest.approx(values["recall"])
        assert row[4].at == pytest.approx(values["precision"])
        interval = found.metrics["intervals"][name]
        assert [row[3].low, row[3].high] == pytest.approx(interval["recall"])
        assert [row[4].low, row[4].high] == pytest.approx(interval["precision"])
        assert [row[2], row[5], row[6]] == [
            f"{values[key]:.1%}" for key in ("ap", "f1", "threshold")
        ]


def test_with_many_labels_the_weakest_come_first(found: RunData) -> None:
    names = tuple(f"label {k:02d}" for k in range(40))
    rng = np.random.default_rng(0)
    many = [
        LabelsPrediction(
            f"{k}.png", (), tuple(name for name in names[:39] if rng.random() < 0.3), 0.5,
            correct=False, names=names, scores=rng.random(40, np.float32),
            thresholds=(0.5,) * 40,
        )
        for k in range(50)
    ]  # fmt: skip
    found.card, found.model, found.dataset = None, None, None
    found.metrics["per_label"] = {name: {} for name in names}
    found.predictions = list(many)
    table = sections(found)["labels"].blocks[-1]
    assert isinstance(table, Table)
    ap = [float(str(row[2]).rstrip("%")) for row in table.rows if row[2]]
    assert ap == sorted(ap)
    assert table.rows[-1][0] == "label 39", "no image has it"
    assert table.rows[-1][2:4] == ("", "")
    gallery = sections(found)["missed"].blocks
    assert any(isinstance(block, Table) and block.columns[0] == "image" for block in gallery)


def test_the_worst_errors_come_first_with_pictures(found: RunData) -> None:
    parts = sections(found)
    for key in ("missed", "invented"):
        wrong = [p for p in predictions(found) if getattr(p, key)]
        galleries = [block for block in parts[key].blocks if isinstance(block, Gallery)]
        assert bool(wrong) == bool(galleries)
        for gallery in galleries:
            assert all(tile.image and tile.overlay for tile in gallery.tiles)
            sign = 1 if key == "missed" else -1
            worst = min(wrong, key=lambda p: sign * p.score_of(getattr(p, key)[0]))
            name = getattr(worst, key)[0]
            assert gallery.tiles[0].name == worst.image
            assert gallery.tiles[0].lines[0].startswith(f"{key}: {name[:8]}")
            assert gallery.tiles[0].lines[1].startswith("has ")


def test_without_errors_the_report_says_so(found: RunData) -> None:
    for prediction in predictions(found):
        labels = {label.name for label in prediction.labels}
        object.__setattr__(prediction, "truth", tuple(n for n in found.names if n in labels))
    parts = sections(found)
    assert parts["missed"].blocks == [Text("No label is missed.")]
    assert parts["invented"].blocks == [Text("No label is invented.")]


def test_recalls_are_those_of_the_metrics(found: RunData) -> None:
    shares = report_of("multilabel").shares(found)
    for name, share in shares.items():
        assert share.at == pytest.approx(found.metrics["per_label"][name]["recall"])


def test_lines_under_a_picture() -> None:
    prediction = LabelsPrediction("", (), (), names=("a",), thresholds=(0.5,),
                                  scores=np.array([0.1], np.float32))  # fmt: skip
    assert report_of("multilabel").lines(prediction) == ["no label", "has no label"]


def test_runs_without_common_images_are_not_compared_by_average_precision(
    found: RunData, run: onestop.Run
) -> None:
    other = gather(run.folder)
    assert len(found.report.differences(found, other)) == 1
    other.predictions = []
    assert found.report.differences(found, other) == ()
