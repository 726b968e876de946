"""The figure of a learning curve."""

from __future__ import annotations

from matplotlib.container import ErrorbarContainer

from onestop.figures.learning_curve import learning_curve
from tests.results.test_curve import ACCURACY, CURVE, POINTS


def test_points_forecast_and_ticks() -> None:
    law = [(100, CURVE.now), (200, CURVE.twice)]
    (axes,) = learning_curve(POINTS, law, ACCURACY).axes
    measured, forecast = axes.containers
    assert isinstance(measured, ErrorbarContainer)
    assert isinstance(forecast, ErrorbarContainer)
    assert measured.lines[0].get_ydata().tolist() == [0.8, 0.9]  # type: ignore[union-attr]
    assert forecast.lines[0].get_xdata().tolist() == [100, 200]  # type: ignore[union-attr]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["40", "80", "200"]
    assert axes.get_ylabel() == "accuracy"
