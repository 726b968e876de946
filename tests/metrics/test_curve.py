from __future__ import annotations

import numpy as np

from onestop.metrics.curve import Curve


def test_a_curve_holds_what_it_was_made_of() -> None:
    curve = Curve(np.array([0.5]), np.array([1.0]), np.array([0.3]))
    assert (curve.recall.item(), curve.precision.item()) == (0.5, 1.0)
    assert curve.thresholds.item() == 0.3
