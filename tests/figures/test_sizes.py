from __future__ import annotations

import numpy as np
import pytest

from onestop.figures.sizes import size_figure


def test_the_fraction_found_is_that_of_each_bin() -> None:
    sides = np.concatenate([np.full(10, 4.0), np.full(10, 400.0)])
    figure = size_figure(sides, np.arange(20) >= 12)
    recall = figure.axes[1].lines[0]
    assert np.asarray(recall.get_ydata()).tolist() == pytest.approx([0, 0.8])
    low, high = np.asarray(recall.get_xdata()).tolist()
    assert low < 10
    assert high > 100


@pytest.mark.parametrize("sides", [[5.0], [5.0, 5.0], [0.001, 1e5]])
def test_any_sizes(sides: list[float]) -> None:
    assert size_figure(np.array(sides), np.ones(len(sides), bool)).axes
