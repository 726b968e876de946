"""The table of labels: metrics counted by hand, few images, and the order of many labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from onestop.metrics.intervals import wilson
from onestop.metrics.multilabel import label_counts
from onestop.metrics.spec import LOSS
from onestop.reporting.blocks import Share, Table, Text
from onestop.reporting.classes import FEW, SHORT
from onestop.reporting.labels import COLUMNS, label_table
from onestop.reporting.run_data import RunData
from onestop.storage.run_info import RunInfo
from tests.recipes import recipe


def run_of(names: Sequence[str]) -> RunData:
    metrics = {"split": "test", "images": 40, "per_label": {name: {} for name in names}}
    return RunData(Path("runs/first"), recipe(), RunInfo("multilabel", (LOSS,), ()), metrics)


def column(hits: int, missed: int, invented: int, images: int = 40) -> tuple[list[int], list[int]]:
    """Truth and predictions of a label on some images."""
    rest = images - hits - missed - invented
    truth = [1] * (hits + missed) + [0] * (invented + rest)
    predicted = [1] * hits + [0] * missed + [1] * invented + [0] * rest
    return truth, predicted


def table_of(
    labels: dict[str, tuple[int, int, int]], ap: Sequence[float], thresholds: Sequence[float]
) -> tuple[list[Text], Table]:
    """The table and the texts above it, from true positives, false negatives and false positives."""
    columns = [column(*counts) for counts in labels.values()]
    truth, predicted = (np.array(part, np.bool_).T for part in zip(*columns, strict=True))
    counts = label_counts(predicted, truth)
    *texts, table = label_table(run_of(tuple(labels)), counts, thresholds, np.array(ap))
    assert isinstance(table, Table)
    assert all(isinstance(text, Text) for text in texts)
    return texts, table  # type: ignore[return-value]


def cells(table: Table) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in table.rows]


def test_metrics_are_counted_by_hand() -> None:
    # ants: 24 + 8 images, recall 24/32, precision 24/30, F1 2 * 24 / (32 + 30).
    _, table = table_of({"ants": (24, 8, 6), "bees": (30, 0, 10)}, (0.875, 1.0), (0.25, 0.5))
    assert table.columns == COLUMNS
    assert cells(table) == [
        ["ants", "32", "87.5%", "75.0%", "80.0%", "77.4%", "25.0%"],
        ["bees", "30", "100.0%", "100.0%", "75.0%", "85.7%", "50.0%"],
    ]


def test_recall_and_precision_have_wilson_intervals() -> None:
    _, table = table_of({"ants": (24, 8, 6)}, (0.875,), (0.25,))
    recall, precision = table.rows[0][3:5]
    assert isinstance(recall, Share)
    assert isinstance(precision, Share)
    assert (recall.low, recall.high) == pytest.approx([float(end) for end in wilson(24, 32)])
    assert (precision.low, precision.high) == pytest.approx([float(end) for end in wilson(24, 30)])


def test_labels_with_few_images_are_marked_and_warned_of() -> None:
    labels = {"ants": (FEW, 0, 0), "bees": (2, 2, 0), "wasps": (1, 0, 0)}
    texts, table = table_of(labels, (1.0, 0.5, 1.0), (0.5,) * 3)
    assert [row[1] for row in cells(table)] == ["30", "4 (few)", "1 (few)"]
    (warning,) = texts
    assert warning == Text(
        "2 labels have fewer than 30 held-out images, so these metrics are imprecise: bees, wasps.",
        "warning",
    )


def test_enough_images_need_no_warning() -> None:
    assert table_of({"ants": (FEW, 0, 0)}, (1.0,), (0.5,))[0] == []


def test_a_label_without_images_or_predictions_has_empty_cells() -> None:
    labels = {"ants": (0, 0, 3), "bees": (0, 4, 0), "wasps": (0, 0, 0)}
    _, table = table_of(labels, (np.nan, 0.25, np.nan), (0.5,) * 3)
    assert cells(table) == [
        ["ants", "0 (few)", "", "", "0.0%", "0.0%", "50.0%"],
        ["bees", "4 (few)", "25.0%", "0.0%", "never predicted", "0.0%", "50.0%"],
        ["wasps", "0 (few)", "", "", "never predicted", "0.0%", "50.0%"],
    ]


def test_many_labels_are_sorted_by_average_precision() -> None:
    labels = {f"label {k}": (20, 10, 5) for k in range(SHORT + 1)}
    ap = [(7 * k % (SHORT + 1)) / SHORT for k in range(SHORT + 1)]
    ap[3] = np.nan
    _, table = table_of(labels, ap, (0.5,) * len(labels))
    shown = [float(row[2].rstrip("%")) for row in cells(table)]
    assert shown[:-1] == sorted(shown[:-1])
    assert table.caption.endswith("Labels with the lowest average precision (AP) come first.")
    _, short = table_of(dict(list(labels.items())[:SHORT]), ap[:SHORT], (0.5,) * SHORT)
    assert [row[0] for row in short.rows] == list(labels)[:SHORT]


def test_names_of_a_run_are_the_rows() -> None:
    run = dataclasses.replace(run_of(("a", "b")))
    flags = np.eye(2, dtype=np.bool_)
    table = label_table(run, label_counts(flags, flags), (0.5, 0.5), np.ones(2))[-1]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["a", "b"]
