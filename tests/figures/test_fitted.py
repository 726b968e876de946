"""Predicted beside wanted numbers."""

from __future__ import annotations

import numpy as np

from onestop.figures.fitted import fitted_line, fitted_scatter


def test_the_line_goes_from_left_to_right() -> None:
    figure = fitted_line([3.0, 1.0], [3.0, 1.0], [30.0, 10.0])
    assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [1.0, 3.0]


def test_the_perfect_line_holds_all_samples() -> None:
    figure = fitted_scatter([1.0, 2.0], [0.0, 5.0])
    assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [0.0, 5.0]
