"""A learning curve in words, as a table, JSON, a figure and in a notebook."""

from __future__ import annotations

import dataclasses
import json

import pytest

from onestop.metrics.power_law import Estimate
from onestop.metrics.spec import Metric
from onestop.results.curve import Curve

ACCURACY = Metric("accuracy", "accuracy", percent=True)
POINTS = [
    {"images": 40.0, "value": 0.8, "low": 0.75, "high": 0.85},
    {"images": 80.2, "value": 0.9, "low": 0.88, "high": 0.92},
]
CURVE = Curve(
    "<photos>", "resnet18", ACCURACY, 100, POINTS, Estimate(0.91, 0.9, 0.92),
    Estimate(0.93, 0.91, 0.95), Estimate(0.02, 0.01, 0.03),
)  # fmt: skip


def test_the_gain_is_in_points_with_its_interval() -> None:
    assert CURVE.said == (
        "with twice the images (200) accuracy would be about 93.0%, +2.0 points (95 % interval +1.0 "
        "points to +3.0 points), if it goes on by a power law"
    )


@pytest.mark.parametrize(
    ("metric", "gain", "certain"),
    [
        (ACCURACY, Estimate(0.02, -0.01, 0.05), False),
        (Metric("rmse", "rmse", higher=False), Estimate(-0.2, -0.3, -0.1), True),
        (Metric("rmse", "rmse", higher=False), Estimate(-0.2, -0.5, 0.1), False),
        (Metric("rmse", "rmse", higher=False), Estimate(0.0, 0.0, 0.0), False),
    ],
)
def test_a_gain_that_may_be_none_is_called_uncertain(
    metric: Metric, gain: Estimate, certain: bool
) -> None:
    said = dataclasses.replace(CURVE, metric=metric, gain=gain).said
    assert said.endswith("; whether that is any gain is uncertain") != certain


def test_the_table_has_measured_points_and_the_law() -> None:
    rows = CURVE.rows()
    assert [row["images"] for row in rows] == ["40", "80", "100", "200"]
    assert list(rows[1].values()) == ["80", "90.00%", "88.00% to 92.00%", "measured"]
    assert list(rows[1]) == ["images", "accuracy", "95 % interval", ""]
    assert rows[3][""] == "power law"


def test_json_has_everything() -> None:
    values = json.loads(json.dumps(CURVE.to_json()))
    assert values["metric"] == "accuracy"
    assert values["points"] == POINTS
    assert values["gain"] == {"value": 0.02, "low": 0.01, "high": 0.03}
    assert (values["images"], values["notes"]) == (100, [])


def test_a_notebook_shows_table_and_picture_with_all_text_escaped() -> None:
    page = CURVE._repr_html_()
    assert "&lt;photos&gt;" in page
    assert "<photos>" not in page
    assert 'src="data:image/png;base64,' in page
