"""Results as HTML in a notebook: escaped, and with the metrics of any task."""

from __future__ import annotations

import numpy as np

from onestop.figures.notebook import heading, metric_rows, picture, table
from onestop.metrics.spec import LOSS, Metric


def test_all_text_is_escaped() -> None:
    for html in (
        heading("<b>"),
        table([("<b>", "<b>")]),
        picture(np.zeros((2, 2, 3), np.uint8), "<b>"),
    ):
        assert "<b>" not in html
        assert "&lt;b&gt;" in html


def test_a_table_has_a_row_per_pair() -> None:
    html = table([("a", 1), ("b", 2)])
    assert html.count("<tr>") == 2
    assert html.index(">a<") < html.index(">1<") < html.index(">b<") < html.index(">2<")


def test_metrics_are_those_that_are_there_and_in_their_own_form() -> None:
    metrics = (Metric("accuracy", "accuracy", percent=True), Metric("top5", "top-5"), LOSS)
    values = {"accuracy": 0.9876, "loss": 0.123456, "split": "val", "images": 12345}
    assert metric_rows(values, metrics) == [
        ("accuracy", "98.76%"), ("loss", "0.1235"), ("val images", "12,345"),
    ]  # fmt: skip
