"""The reliability curve, read back from its axes."""

from __future__ import annotations

import numpy as np

from onestop.figures.calibration import calibration_figure
from onestop.metrics.calibration import calibration


def test_empty_bins_are_not_drawn() -> None:
    figure = calibration_figure(calibration([0.55, 0.55, 0.95], [True, False, True]))
    (drawn,) = [one for one in figure.axes[0].lines if len(np.asarray(one.get_xdata())) == 2
                and one.get_linestyle() == "-"]  # fmt: skip
    assert np.asarray(drawn.get_ydata()).tolist() == [0.5, 1.0]
    assert sum(p.get_height() for p in figure.axes[1].patches) == 3  # type: ignore[attr-defined]
